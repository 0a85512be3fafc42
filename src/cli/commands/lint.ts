/** `nodebuild lint`: what the rules say of a Nodefile, without building it. */
import type { Command } from "commander";
import { check } from "../check.ts";
import type { CommandContext } from "../context.ts";
import { addNodefileOptions, type NodefileFlags, nodefileOptions } from "../nodefile.ts";

interface Flags extends NodefileFlags {
	readonly json?: boolean;
}

export function addLint(program: Command, context: CommandContext): void {
	const { io } = context;
	const command = program
		.command("lint")
		.summary("check a Nodefile against the rules of docker build --check")
		.description("Check a Nodefile against the rules of docker build --check. Nothing is fetched and nothing is run.");
	addNodefileOptions(command, io)
		.option("--json", "print the warnings as JSON")
		.action((folder: string | undefined, flags: Flags) =>
			check((emit) => nodefileOptions(flags, folder, io, emit), flags.json === true, context),
		);
}
