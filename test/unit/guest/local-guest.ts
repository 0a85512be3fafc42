/** Guests for tests: commands run for real on this host, and what a machine would add is said by the test. */
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import { commandLine } from "../../../src/guest/command.ts";
import type { CapturedResult, ExecOptions, ExecResult, Guest } from "../../../src/guest/types.ts";

export interface Output {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunOptions {
	readonly stdin?: ExecOptions["stdin"];
	readonly env?: Readonly<Record<string, string>>;
	readonly onStdout?: (data: Uint8Array) => void;
	readonly onStderr?: (data: Uint8Array) => void;
}

/** Run a program of this host to its end; output is kept byte by byte. */
export function runHere(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
	const [file = "", ...args] = argv;
	const child = spawn(file, args, { env: { PATH: process.env.PATH, ...options.env }, stdio: "pipe" });
	const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
	child.stdout.on("data", (data: Buffer) => {
		kept.stdout.push(data);
		options.onStdout?.(data);
	});
	child.stderr.on("data", (data: Buffer) => {
		kept.stderr.push(data);
		options.onStderr?.(data);
	});
	child.stdin.on("error", () => undefined);
	if (options.stdin instanceof Readable) options.stdin.pipe(child.stdin);
	else child.stdin.end(options.stdin ?? "");
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (code) =>
			resolve({
				status: code ?? 128,
				stdout: Buffer.concat(kept.stdout).toString("utf8"),
				stderr: Buffer.concat(kept.stderr).toString("utf8"),
			}),
		);
	});
}

/** Is text a script that a shell accepts? Both of those that images have as /bin/sh. */
export async function syntaxErrors(script: string): Promise<string> {
	const answers = await Promise.all(
		["sh", "dash", "bash"].map((shell) => runHere([shell, "-n"], { stdin: script }).catch(() => undefined)),
	);
	return answers.map((answer) => answer?.stderr ?? "").join("");
}

export interface LocalGuest extends Guest {
	/** Every command that it was asked to run. */
	readonly asked: ExecOptions[];
}

/** A guest that answers a command by a rule, or else runs it here. */
export function localGuest(
	rule: (options: ExecOptions) => Partial<CapturedResult> | undefined = () => undefined,
): LocalGuest {
	const asked: ExecOptions[] = [];
	const run = async (options: ExecOptions): Promise<CapturedResult> => {
		asked.push(options);
		const ruled = rule(options);
		if (ruled !== undefined) {
			if (ruled.stdout !== undefined) options.onStdout?.(Buffer.from(ruled.stdout));
			if (ruled.stderr !== undefined) options.onStderr?.(Buffer.from(ruled.stderr));
			return { status: 0, rebooted: false, stdout: "", stderr: "", ...ruled };
		}
		const { env = [], ...others } = options;
		return { rebooted: false, ...(await runHere(options.argv, { ...others, env: Object.fromEntries(env) })) };
	};
	return {
		asked,
		capture: run,
		exec: async (options): Promise<ExecResult> => {
			const { status, rebooted } = await run(options);
			return { status, rebooted };
		},
		script: async (text) => {
			const { status, stdout, stderr } = await run({ argv: ["/bin/sh", "-s"], stdin: text });
			if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
			return stdout;
		},
		interactive: async () => 0,
		forwardSocket: async () => async () => undefined,
		close: async () => undefined,
	};
}

/** The line that our sshd would be given. */
export function lineOf(argv: readonly string[], more: Partial<Parameters<typeof commandLine>[0]> = {}): string {
	return commandLine({
		argv,
		env: [["PATH", process.env.PATH ?? ""]],
		cwd: "/",
		network: "default",
		stdin: false,
		...more,
	});
}
