/** The command line as a whole: commands in, exit status out. Nothing here ends the process. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { EXIT_STATUS, NodebuildError } from "../errors.ts";
import { nearest } from "../layers/reference.ts";
import type { Backend } from "./backend.ts";
import { addBases } from "./commands/bases.ts";
import { addBuild } from "./commands/build.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addImages } from "./commands/images.ts";
import { addInspect } from "./commands/inspect.ts";
import { addLint } from "./commands/lint.ts";
import { addPlan } from "./commands/plan.ts";
import { addPrune } from "./commands/prune.ts";
import { addRmi } from "./commands/rmi.ts";
import { addRun } from "./commands/run.ts";
import { addShell } from "./commands/shell.ts";
import { addTag } from "./commands/tag.ts";
import { addVerify } from "./commands/verify.ts";
import { addVersion, VERSION } from "./commands/version.ts";
import type { CommandContext } from "./context.ts";
import { type Io, wantsColor } from "./io.ts";
import { renderError } from "./render/error.ts";

const COMMANDS = [
	addBuild,
	addRun,
	addVerify,
	addShell,
	addPlan,
	addLint,
	addImages,
	addInspect,
	addTag,
	addRmi,
	addPrune,
	addBases,
	addDoctor,
	addVersion,
];

export function createProgram(context: CommandContext): Command {
	const { io } = context;
	const program = new Command("nodebuild")
		.description("docker build for machines: a Nodefile becomes a clean, bootable VM image.")
		.usage("[build] -f Nodefile [-t name] [options] [context]\n       nodebuild <command> [options]")
		.version(`nodebuild ${VERSION}`, "-v, --version", "print the version")
		.helpOption("-h, --help", "show help; after a command, that command's")
		.enablePositionalOptions()
		.showHelpAfterError('(see "nodebuild --help" and "nodebuild <command> --help")')
		.configureOutput({
			writeOut: (text) => void io.stdout.write(text),
			writeErr: (text) => void io.stderr.write(text),
			getOutHelpWidth: () => io.stdout.columns ?? 100,
			getErrHelpWidth: () => io.stderr.columns ?? 100,
		})
		.exitOverride();
	for (const add of COMMANDS) add(program, context);
	return program;
}

/**
 * A word that is neither a command nor a path would be taken for build's context.
 * @throws NodebuildError USAGE
 */
function checkFirstWord(program: Command, word: string | undefined, cwd: string): void {
	if (word === undefined || !/^[A-Za-z][\w-]*$/.test(word)) return;
	const names = [...program.commands.flatMap((command) => [command.name(), ...command.aliases()]), "help"];
	if (names.includes(word) || existsSync(resolve(cwd, word))) return;
	const [meant] = nearest(word, names);
	throw new NodebuildError({
		code: "USAGE",
		message: `expected a command or a folder, got "${word}"`,
		hint: meant === undefined ? 'see "nodebuild --help"' : `did you mean nodebuild ${meant}?`,
	});
}

/** Run one command line to its end and show what went wrong; `args` without node and script. */
export async function runCli(args: readonly string[], io: Io, backend: Backend): Promise<number> {
	let status = 0;
	const program = createProgram({
		io,
		backend,
		exitWith: (wanted) => {
			status = wanted;
		},
	});
	try {
		checkFirstWord(program, args[0], io.cwd);
		await program.parseAsync([...args], { from: "user" });
		return status;
	} catch (error) {
		return failed(error, io);
	}
}

/** The exit status of an error, after showing it. */
export function failed(error: unknown, io: Io): number {
	// commander has said what there is to say, help and version included.
	if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_STATUS.USAGE;
	const debug = io.env.NODEBUILD_DEBUG !== undefined && io.env.NODEBUILD_DEBUG !== "";
	if (io.signal.aborted && !debug) {
		io.stderr.write("interrupted: what was finished is kept\n");
		return EXIT_STATUS.INTERRUPTED;
	}
	io.stderr.write(renderError(error, { color: wantsColor(io.stderr, io.env), debug }));
	if (io.signal.aborted) return EXIT_STATUS.INTERRUPTED;
	return error instanceof NodebuildError ? error.exitStatus : EXIT_STATUS.INTERNAL;
}
