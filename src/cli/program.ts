/** The command line as a whole: commands in, exit status out. Nothing here ends the process. */
import { Command, CommanderError } from "commander";
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
import { wantsJson } from "./error-format.ts";
import { failed } from "./failed.ts";
import type { Io } from "./io.ts";
import { usageError } from "./usage.ts";
import { checkWords } from "./words.ts";

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
		.configureOutput({
			writeOut: (text) => void io.stdout.write(text),
			writeErr: (text) => void io.stderr.write(text),
			// It is thrown as well, and shown as every error is.
			outputError: () => undefined,
			getOutHelpWidth: () => io.stdout.columns ?? 100,
			getErrHelpWidth: () => io.stderr.columns ?? 100,
		})
		.exitOverride();
	for (const add of COMMANDS) add(program, context);
	return program;
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
	let running: Command | undefined;
	program.hook("preAction", (_program, command) => {
		running = command;
	});
	try {
		checkWords(program, args, io.cwd);
		await program.parseAsync([...args], { from: "user" });
		return status;
	} catch (error) {
		const wrong = error instanceof CommanderError && error.exitCode !== 0;
		return failed(wrong ? usageError(error, program, args) : error, io, wantsJson(args, io.env, running));
	}
}
