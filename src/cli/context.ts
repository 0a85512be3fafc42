/** What every command gets, and the options that several share. */
import { availableParallelism } from "node:os";
import { type Command, Option } from "commander";
import { NodebuildError } from "../errors.ts";
import { readEnvironment } from "../system/env.ts";
import type { Backend } from "./backend.ts";
import { ReaderGone } from "./failed.ts";
import type { Io } from "./io.ts";
import { parseCpus, parseMemory } from "./parse.ts";
import { createRenderer } from "./render/create.ts";
import { PROGRESS_MODES, type ProgressMode, type Renderer } from "./render/renderer.ts";

export interface CommandContext {
	readonly io: Io;
	readonly backend: Backend;
	/** The status the process ends with, when it is not 0 and nothing was thrown. */
	exitWith(status: number): void;
}

export const DEFAULT_MEMORY_MIB = 1024;
const MOST_DEFAULT_CPUS = 4;

export function homeOf(io: Io): string {
	return readEnvironment(io.env).home;
}

/** The host's architecture, in the words of OCI. */
export function hostPlatform(): string {
	const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
	return `linux/${architectures[process.arch] ?? process.arch}`;
}

/** For an option that may be given several times; undefined when it was not given. */
export function collect<T>(parse: (text: string) => T): (text: string, previous?: readonly T[]) => readonly T[] {
	return (text, previous = []) => [...previous, parse(text)];
}

/** A default from an environment variable, parsed as the option is. */
function fromEnvironment<T>(io: Io, name: string, parse: (text: string) => T, fallback: T): T {
	const text = io.env[name];
	if (text === undefined || text === "") return fallback;
	try {
		return parse(text);
	} catch (error) {
		const message = error instanceof Error ? error.message : String(error);
		throw new NodebuildError({
			code: "USAGE",
			message: `the environment variable ${name} has the value "${text}"`,
			hint: message,
			cause: error,
		});
	}
}

function parseProgress(text: string): ProgressMode {
	const mode = PROGRESS_MODES.find((one) => one === text);
	if (mode !== undefined) return mode;
	throw new Error(`Expected one of ${PROGRESS_MODES.join(", ")}.`);
}

/** Resources of the machine, `--memory` and `--cpus`. */
export interface MachineFlags {
	readonly memory?: number;
	readonly cpus?: number;
}

export function addMachineOptions(command: Command): Command {
	return command
		.option("--memory <size>", "memory of the machine, such as 2G (default: 1G)", parseMemory)
		.option("--cpus <count>", "processors of the machine (default: the host's, at most 4)", parseCpus);
}

export function machineOf(flags: MachineFlags, io: Io): { readonly memory: number; readonly cpus: number } {
	const cpus = Math.min(MOST_DEFAULT_CPUS, availableParallelism());
	return {
		memory: flags.memory ?? fromEnvironment(io, "NODEBUILD_MEMORY", parseMemory, DEFAULT_MEMORY_MIB),
		cpus: flags.cpus ?? fromEnvironment(io, "NODEBUILD_CPUS", parseCpus, cpus),
	};
}

export interface ProgressFlags {
	readonly progress?: ProgressMode;
	readonly quiet?: boolean;
}

export function addProgressOption(command: Command): Command {
	const option = new Option("--progress <mode>", "how progress is shown (default: auto)").choices([...PROGRESS_MODES]);
	return command.addOption(option);
}

export function progressOf(flags: ProgressFlags, io: Io): ProgressMode {
	return flags.progress ?? fromEnvironment(io, "NODEBUILD_PROGRESS", parseProgress, "auto");
}

/** Do something with progress on standard error; the terminal is given back whatever happens. */
export async function withProgress<T>(
	flags: ProgressFlags,
	io: Io,
	work: (renderer: Renderer) => Promise<T>,
): Promise<T> {
	const renderer = await createRenderer(flags.quiet === true ? "quiet" : progressOf(flags, io), io);
	// Said by the renderer, which may be drawing.
	const say = (): void => {
		const { reason } = io.signal;
		if (reason instanceof ReaderGone || reason instanceof NodebuildError) return;
		renderer.emit({ type: "info", message: "stopping; once more to stop at once" });
	};
	io.signal.addEventListener("abort", say);
	try {
		return await work(renderer);
	} finally {
		io.signal.removeEventListener("abort", say);
		renderer.close();
	}
}

export function printJson(io: Io, value: unknown): void {
	io.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
