/** HEALTHCHECK, with Docker's meaning of its options. */
import type { Guest } from "../guest/types.ts";
import type { Healthcheck } from "../instructions/types.ts";
import type { ImageConfig } from "../plan/types.ts";

type HealthCommand = Extract<Healthcheck, { kind: "command" }>;

const MILLISECOND = 1_000_000;
/** Docker's defaults, in milliseconds. */
const DEFAULTS = { interval: 30_000, timeout: 30_000, retries: 3 } as const;
/** A machine that has just booted is asked every second rather than at the declared interval. */
const PACE = 1_000;

/** Ask until it is healthy, or for as long as Docker would wait before it says unhealthy. */
export async function checkHealth(
	guest: Guest,
	config: ImageConfig,
	check: HealthCommand,
	signal: AbortSignal,
): Promise<{ passed: boolean; detail: string }> {
	const { command } = check;
	const argv = command.form === "exec" ? command.argv : [...(config.shell ?? ["/bin/sh", "-c"]), command.script];
	const timeout = Math.ceil((check.timeout ?? 0) / MILLISECOND) || DEFAULTS.timeout;
	const interval = (check.interval ?? 0) / MILLISECOND || DEFAULTS.interval;
	const retries = check.retries || DEFAULTS.retries;
	const patience = (check.startPeriod ?? 0) / MILLISECOND + interval * retries;
	const end = Date.now() + patience;
	let last = "it was never asked";
	// Docker gives up after so many failures, however long each of them took.
	for (let asked = 0; asked < retries || Date.now() < end; asked += 1) {
		const result = await guest
			.capture({ argv, env: config.env, cwd: config.workdir, user: config.user, timeout, signal })
			.catch((error: unknown) => {
				if (signal.aborted) throw error;
				return { status: -1, stdout: "", stderr: `no answer within ${timeout} ms` };
			});
		const output = `${result.stdout}${result.stderr}`.trim();
		if (result.status === 0) return { passed: true, detail: output };
		last = `exit status ${result.status}${output === "" ? "" : `: ${output}`}`;
		await new Promise((resolve) => setTimeout(resolve, Math.min(PACE, interval)));
	}
	return { passed: false, detail: last };
}
