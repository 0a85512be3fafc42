/** Prove an image: boot a throwaway copy as a platform would, and ask it. */
import { openStore, type Store } from "../layers/store.ts";
import type { Image } from "../layers/types.ts";
import type { Machine } from "../machine/types.ts";
import { ENTRYPOINT_UNIT } from "../image/config-files.ts";
import { mainCommand } from "../image/systemd.ts";
import { checkHealth } from "./health.ts";
import { start } from "./machines.ts";
import { answerOf } from "./ports.ts";
import type { Suite } from "./suite/load.ts";
import { task } from "./task.ts";
import type { MachineOptions, SuiteOptions, VerifyReport, VerifyRow } from "./types.ts";

export interface VerifyOptions extends MachineOptions, SuiteOptions {
	readonly image: string;
}

/** @throws NodebuildError IMAGE_NOT_FOUND, MACHINE_START, MACHINE_NOT_READY, and USAGE, SUITE_INVALID for a suite. */
export async function verifyImage(options: VerifyOptions): Promise<VerifyReport> {
	const suites = await suitesOf(options);
	await using store = await openStore(options.home);
	return await verifyFound(await store.images.get(options.image), options, store, suites);
}

/** Suites are read before anything boots; one that is wrong costs no machine. */
export async function suitesOf({ suites = [], vars = {}, varFiles = [] }: SuiteOptions): Promise<readonly Suite[]> {
	if (suites.length === 0) return [];
	const { loadSuite, suiteVars } = await import("./suite/load.ts");
	const values = await suiteVars(varFiles, vars);
	return Promise.all(suites.map((suite) => loadSuite(suite, values)));
}

export async function verifyFound(
	image: Image,
	options: MachineOptions,
	store: Store,
	suites: readonly Suite[] = [],
): Promise<VerifyReport> {
	const ports = image.config.exposed.filter((port) => port.endsWith("/tcp")).map((port) => Number.parseInt(port, 10));
	const troubles: VerifyRow[] = [];
	const begin = performance.now();
	await using up = await start({
		store,
		disk: image.disk,
		virtualSize: image.virtualSize,
		spec: {
			memory: options.memory,
			cpus: options.cpus,
			forwards: ports.map((guest) => ({ host: 0, guest, protocol: "tcp" })),
			agentChannel: true,
		},
		purpose: "run",
		firstBoot: true,
		title: "boot a throwaway copy of the image",
		signal: options.signal,
		emit: (event) => {
			if (event.type !== "warning") return options.emit(event);
			troubles.push({
				name: "the system came up without complaint",
				passed: false,
				milliseconds: 0,
				detail: event.message,
			});
		},
	});
	const booted = {
		name: "boots by itself",
		passed: true,
		milliseconds: Math.round(performance.now() - begin),
		detail: "",
	};
	const rows: VerifyRow[] = [booted, ...troubles];
	for (const check of checksOf(image, up.machine, options)) rows.push(await timed(check));
	for (const suite of suites) {
		const { runSuite } = await import("./suite/run.ts");
		const { guest } = up.machine;
		rows.push(
			...(await task(options.emit, `suite ${suite.name}`, () => runSuite(suite, { guest, signal: options.signal }))),
		);
	}
	return { image: image.tags[0] ?? image.id, passed: rows.every(({ passed }) => passed), rows };
}

interface Check {
	readonly name: string;
	run(): Promise<{ readonly passed: boolean; readonly detail: string }>;
}

async function timed({ name, run }: Check): Promise<VerifyRow> {
	const begin = performance.now();
	const { passed, detail } = await run();
	return { name, passed, milliseconds: Math.round(performance.now() - begin), detail };
}

function checksOf(image: Image, machine: Machine, options: MachineOptions): readonly Check[] {
	const { config } = image;
	const main = mainCommand(config);
	const health = config.healthcheck?.kind === "command" ? config.healthcheck : undefined;
	return [
		{ name: "has an identity of its own", run: () => ownIdentity(machine) },
		...(main === undefined ? [] : [{ name: `runs ${main.join(" ")}`, run: () => mainRuns(machine) }]),
		...(health === undefined
			? []
			: [{ name: "is healthy (HEALTHCHECK)", run: () => checkHealth(machine.guest, config, health, options.signal) }]),
		...[...machine.ports].map(([port, host]) => ({
			name: `answers on port ${port}`,
			run: () => answerOf(machine.guest, port, host),
		})),
	];
}

/** What sealing removed has been made anew on this machine. */
async function ownIdentity(machine: Machine): Promise<{ passed: boolean; detail: string }> {
	const answer = await machine.guest.script(
		"id=$(cat /etc/machine-id); [ -n \"$id\" ] || echo 'no machine id'\nls /etc/ssh/ssh_host_*_key >/dev/null 2>&1 || echo 'no SSH host keys'\n",
	);
	return { passed: answer === "", detail: answer.trim() || "machine id and SSH host keys were made at first boot" };
}

async function mainRuns(machine: Machine): Promise<{ passed: boolean; detail: string }> {
	const script = `for try in $(seq 60); do
	state=$(systemctl is-active ${ENTRYPOINT_UNIT})
	case $state in active | failed) break ;; esac
	# a command that has done its work is no failure
	[ "$state" = inactive ] && [ "$(systemctl show -p ExecMainStatus --value ${ENTRYPOINT_UNIT})" = 0 ] &&
		[ -n "$(systemctl show -p ExecMainExitTimestamp --value ${ENTRYPOINT_UNIT})" ] && state=done && break
	sleep 0.5
done
echo "$state"
case $state in active | done) ;; *) journalctl -u ${ENTRYPOINT_UNIT} -n 10 --no-pager -o cat ;; esac`;
	const [state = "", ...log] = (await machine.guest.script(script)).trim().split("\n");
	const passed = state === "active" || state === "done";
	return {
		passed,
		detail: passed ? `the unit ${ENTRYPOINT_UNIT} is ${state}` : [`the unit is ${state}`, ...log].join("\n"),
	};
}
