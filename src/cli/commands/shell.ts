/** `nodebuild shell -f Nodefile --step 3`: look at the machine as a step left it. */
import type { Command } from "commander";
import { type CommandContext, withProgress } from "../context.ts";
import { addNodefileOptions, type NodefileFlags, nodefileOptions } from "../nodefile.ts";

interface Flags extends NodefileFlags {
	readonly step?: string;
}

export function addShell(program: Command, { io, backend, exitWith }: CommandContext): void {
	const command = program
		.command("shell")
		.summary("open a shell at any step of a Nodefile")
		.description(
			"Boot a throwaway machine at a step of a Nodefile and open a shell in it, with the step's environment,\nworking directory and user. Nothing that is done there changes a layer or an image.",
		);
	addNodefileOptions(command, io)
		.option("--step <step>", "number of the step, or a part of its instruction (default: the last finished one)")
		.action(async (folder: string | undefined, flags: Flags) => {
			const status = await withProgress({}, io, (renderer) =>
				backend.shell({ ...nodefileOptions(flags, folder, io, renderer.emit), ...stepOf(flags.step) }),
			);
			exitWith(status);
		});
}

function stepOf(text: string | undefined): { readonly step?: number | string } {
	if (text === undefined) return {};
	return { step: /^\d+$/.test(text) ? Number(text) : text };
}
