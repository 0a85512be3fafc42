/** The process boundary: the only file that knows execa, which is loaded when the first program is run. */
import { pipeline, type Readable, type Writable } from "node:stream";
import type { Options } from "execa";
import { NodebuildError } from "../errors.ts";

export interface RunOptions {
	readonly cwd?: string;
	readonly env?: Readonly<Record<string, string>>;
	readonly input?: string | Uint8Array;
	readonly signal?: AbortSignal;
	/** Milliseconds. */
	readonly timeout?: number;
	/** Called with each complete line of standard output and standard error, as they come. */
	readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
	/** Called with standard output as it comes, not split: for programs that redraw a line with "\r". */
	readonly onOutput?: (text: string) => void;
	/** It must not outlive us: the kernel kills it when our process ends for any reason. */
	readonly leashed?: boolean;
	/** When the signal fires it is killed at once, without being asked to end. */
	readonly killed?: boolean;
	/** Debian package that has the tool, for the hint when it is missing. */
	readonly package?: string;
}

export interface RunResult {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

/**
 * A command that the kernel kills when our process ends for any reason (PR_SET_PDEATHSIG through setpriv(1)). We may
 * have ended before that was arranged: then its parent is another, and it does not begin.
 */
function leash(file: string, args: readonly string[]): [string, string[]] {
	const script = `[ "$PPID" = "$0" ] && exec "$@"`;
	return ["setpriv", ["--pdeathsig", "KILL", "--", "/bin/sh", "-c", script, String(process.pid), file, ...args]];
}

/** How sh(1) says that a program does not exist. */
const SHELL_NOT_FOUND = 127;

/**
 * Run a program to its end. A status other than 0 is a result, not an error.
 * @throws NodebuildError HOST_TOOL_MISSING when the program does not exist, INTERRUPTED when the signal fired.
 */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
	const base: Options = {
		reject: false,
		stripFinalNewline: true,
		stdin: options.input === undefined ? "ignore" : "pipe",
		...(options.input === undefined ? {} : { input: options.input }),
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
		...(options.env === undefined ? {} : { env: options.env }),
		...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
		...(options.killed === true ? { killSignal: "SIGKILL" } : {}),
		...(options.timeout === undefined ? {} : { timeout: options.timeout }),
	};
	const [program, words] = options.leashed === true ? leash(file, args) : [file, [...args]];
	const { execa } = await import("execa");
	const child = execa(program, words, { ...base, encoding: "utf8" });
	if (options.onOutput !== undefined) {
		const { onOutput } = options;
		child.stdout?.on("data", (data) => onOutput(String(data)));
	}
	if (options.onLine !== undefined) {
		const { onLine } = options;
		const follow = async (stream: "stdout" | "stderr"): Promise<void> => {
			for await (const line of child.iterable({ from: stream })) onLine(String(line), stream);
		};
		await Promise.all([follow("stdout"), follow("stderr")]).catch(() => undefined);
	}
	const result = await child;
	if (result.isCanceled) throw new NodebuildError({ code: "INTERRUPTED", message: `${file} was interrupted` });
	const unknown = options.leashed === true && result.exitCode === SHELL_NOT_FOUND;
	if (result.code === "ENOENT" || unknown) {
		throw missing(file, options.package, result);
	}
	if (result.code === "EACCES" || result.code === "ENOEXEC") throw unusable(file, result.code, result);
	if (result.exitCode === undefined && result.signal === undefined) {
		throw new NodebuildError({
			code: "INTERNAL",
			message: `${file} could not be run: ${result.shortMessage}`,
			cause: result,
		});
	}
	return {
		status: result.exitCode ?? 128,
		stdout: String(result.stdout ?? ""),
		stderr: String(result.stderr ?? ""),
	};
}

function missing(file: string, pkg: string | undefined, cause: unknown): NodebuildError {
	return new NodebuildError({
		code: "HOST_TOOL_MISSING",
		message: `the program ${file} is not installed`,
		hint: `install it (Debian and Ubuntu: apt-get install ${pkg ?? file}), then see "nodebuild doctor"`,
		cause,
	});
}

function unusable(file: string, code: string, cause: unknown): NodebuildError {
	return new NodebuildError({
		code: "HOST_TOOL_MISSING",
		message: `expected ${file} to be a program that this user may run, got ${code}`,
		hint: "is it the right file, and is it executable? a program that a variable such as NODEBUILD_QEMU names is taken as it is",
		cause,
	});
}

export interface GroupOptions {
	readonly cwd: string;
	/** The whole environment. */
	readonly env: Readonly<Record<string, string>>;
	readonly signal: AbortSignal;
	readonly onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void;
}

/** Milliseconds that a process group has between being asked to end and being killed. */
const GRACE = 2000;

/**
 * Run a program that starts others, in a process group of its own, which ends as a whole when the signal fires. It must
 * not outlive us.
 * @throws NodebuildError HOST_TOOL_MISSING when the program does not exist, INTERRUPTED when the signal fired.
 */
export async function runGroup(file: string, args: readonly string[], options: GroupOptions): Promise<number> {
	const { cwd, env, signal, onOutput } = options;
	const { execa } = await import("execa");
	const common = { reject: false, buffer: false, encoding: "buffer", stdin: "ignore", detached: true } as const;
	const child = execa(...leash(file, args), { ...common, cwd, env, extendEnv: false });
	child.stdout.on("data", (data: Uint8Array) => onOutput("stdout", data));
	child.stderr.on("data", (data: Uint8Array) => onOutput("stderr", data));
	let timer: NodeJS.Timeout | undefined;
	const end = (): void => {
		killGroup(child.pid, "SIGTERM");
		timer = setTimeout(() => killGroup(child.pid, "SIGKILL"), GRACE);
	};
	if (signal.aborted) end();
	signal.addEventListener("abort", end, { once: true });
	try {
		const result = await child;
		if (signal.aborted) throw new NodebuildError({ code: "INTERRUPTED", message: `${file} was interrupted` });
		if (result.code === "ENOENT" || result.exitCode === SHELL_NOT_FOUND) throw missing(file, undefined, result);
		return result.exitCode ?? 128;
	} finally {
		clearTimeout(timer);
		signal.removeEventListener("abort", end);
	}
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
	try {
		if (pid !== undefined) process.kill(-pid, signal);
	} catch {
		// All of it has ended.
	}
}

/** A program that runs beside us until it ends or we end it. */
export interface Companion {
	readonly pid: number;
	readonly stdin: Writable;
	readonly stdout: Readable;
	/** Resolves when the process is gone, whatever the reason; never rejects. */
	readonly exited: Promise<{ readonly status: number | undefined; readonly signal: string | undefined }>;
	kill(signal: NodeJS.Signals): void;
}

/**
 * Start a program that must not outlive us: the kernel kills it when our process ends for any
 * reason. It has a process group of its own, so Ctrl-C in the terminal reaches only us. Standard
 * error goes to `stderrFile`.
 */
export async function startCompanion(
	file: string,
	args: readonly string[],
	options: { readonly stderrFile: string; readonly cwd?: string },
): Promise<Companion> {
	const { execa } = await import("execa");
	const child = execa(...leash(file, args), {
		reject: false,
		buffer: false,
		stdin: "pipe",
		stdout: "pipe",
		stderr: { file: options.stderrFile, append: true },
		detached: true,
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
	});
	const exited = child.then((result) => ({ status: result.exitCode, signal: result.signal }));
	// A pipe that breaks because the process ended is told by `exited`.
	child.stdin.on("error", () => undefined);
	return {
		pid: child.pid ?? -1,
		stdin: child.stdin,
		stdout: child.stdout,
		exited,
		kill: (signal) => {
			child.kill(signal);
		},
	};
}

/**
 * Send a stream through a program; it must not outlive us. What comes out of it fails when the program does, and when
 * what goes in fails; ending it early ends the program.
 * @throws NodebuildError HOST_TOOL_MISSING when the program does not exist.
 */
export async function* startFilter(
	file: string,
	args: readonly string[],
	input: Readable,
	options: Pick<RunOptions, "package"> = {},
): AsyncGenerator<Uint8Array> {
	const { execa } = await import("execa");
	const child = execa(...leash(file, args), {
		reject: false,
		buffer: { stdout: false, stderr: true },
		encoding: "buffer",
		stdin: "pipe",
		stdout: "pipe",
		stderr: "pipe",
	});
	const failed: unknown[] = [];
	// A program that reads no further breaks the pipe; that is told by how it ends.
	pipeline(input, child.stdin, (error) => {
		if (error !== undefined && error !== null && !isBrokenPipe(error)) failed.push(error);
	});
	try {
		for await (const piece of child.stdout) yield piece;
		const result = await child;
		if (failed.length > 0) throw failed[0];
		if (result.exitCode === SHELL_NOT_FOUND) throw missing(file, options.package, result);
		if (result.exitCode !== 0) {
			const said = Buffer.from(result.stderr ?? "")
				.toString("utf8")
				.trim();
			throw new Error(`${file} ended with ${result.exitCode ?? result.signal}: ${said}`);
		}
	} finally {
		child.kill("SIGKILL");
		input.destroy();
	}
}

function isBrokenPipe(error: NodeJS.ErrnoException): boolean {
	return error.code === "EPIPE" || error.code === "ERR_STREAM_PREMATURE_CLOSE";
}
