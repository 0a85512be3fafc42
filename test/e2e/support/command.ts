/** The program as a user drives it: a process with arguments, streams and an exit status. */
import { type ChildProcess, spawn } from "node:child_process";
import { inject } from "vitest";
import { environment, PROGRAM } from "./environment.ts";
import { home } from "./home.ts";
import { readable } from "./readable.ts";

export interface CommandOptions {
	/** Default: the tests' folder. */
	readonly cwd?: string;
	/** Added to the environment. */
	readonly env?: NodeJS.ProcessEnv;
	/** Text for standard input, which then ends; without it, it is empty. */
	readonly stdin?: string;
	/** Store; default: the test file's own. */
	readonly home?: string;
	/** A process group of its own, so that a signal may go to all of it as a terminal's Ctrl-C does. */
	readonly detached?: boolean;
}

export interface Outcome {
	/** Null when a signal ended it. */
	readonly status: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
	readonly milliseconds: number;
}

/** A command under way. */
export interface Running {
	readonly pid: number;
	readonly child: ChildProcess;
	/** Standard error so far. */
	readonly stderr: () => string;
	readonly stdout: () => string;
	/** Resolves once standard error has a match; rejects when the command ends without one. */
	waitFor(pattern: RegExp): Promise<RegExpMatchArray>;
	/** Resolves when the process is gone and its streams are read; never rejects. */
	readonly outcome: Promise<Outcome>;
}

const alive = new Set<ChildProcess>();

// A test file that ends early must not leave its commands behind.
process.on("exit", () => {
	for (const child of alive) child.kill("SIGTERM");
});

/** Start `nodebuild ARGS...` and go on. */
export function start(args: readonly string[], options: CommandOptions = {}): Running {
	const begun = performance.now();
	const child = spawn(process.execPath, [PROGRAM, ...args], {
		cwd: options.cwd ?? inject("work"),
		env: environment(options.home ?? home, options.env),
		stdio: ["pipe", "pipe", "pipe"],
		detached: options.detached === true,
	});
	alive.add(child);
	let stdout = "";
	let stderr = "";
	const watchers = new Set<() => void>();
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
		for (const watcher of watchers) watcher();
	});
	// A command that does not read its input may be gone before it is written.
	child.stdin.on("error", () => undefined);
	child.stdin.end(options.stdin ?? "");
	const outcome = new Promise<Outcome>((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (status, signal) => {
			alive.delete(child);
			resolve({ status, signal, stdout, stderr: readable(stderr), milliseconds: performance.now() - begun });
			for (const watcher of watchers) watcher();
		});
	});
	const waitFor = (pattern: RegExp): Promise<RegExpMatchArray> =>
		new Promise((resolve, reject) => {
			const look = (): void => {
				const match = stderr.match(pattern);
				if (match === null && alive.has(child)) return;
				watchers.delete(look);
				if (match !== null) resolve(match);
				else reject(new Error(`expected ${pattern} on standard error, got the end of the command:\n${stderr}`));
			};
			watchers.add(look);
			look();
		});
	return { pid: child.pid ?? 0, child, stderr: () => stderr, stdout: () => stdout, waitFor, outcome };
}

/** Run `nodebuild ARGS...` to its end, whatever that is. */
export function nodebuild(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
	return start(args, options).outcome;
}

/** Run `nodebuild ARGS...` and expect exit status 0. @throws Error with all it said */
export async function succeed(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
	const outcome = await nodebuild(args, options);
	if (outcome.status === 0) return outcome;
	throw new Error(`expected "nodebuild ${args.join(" ")}" to end with 0, got ${ending(outcome)}`);
}

/** For messages: how a command ended and what it said. */
export function ending({ status, signal, stdout, stderr }: Outcome): string {
	return `${status ?? signal}\n--- standard error\n${stderr}--- standard output\n${stdout}`;
}
