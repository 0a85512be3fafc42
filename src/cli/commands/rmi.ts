/** `nodebuild rmi IMAGE...`: remove names, and the image with its last name. */
import type { Command } from "commander";
import { formatBytes } from "../../system/files.ts";
import { type CommandContext, homeOf } from "../context.ts";

export function addRmi(program: Command, { io, backend }: CommandContext): void {
	program
		.command("rmi")
		.summary("remove images")
		.description("Remove images by name or id. Layers stay for the next build; nodebuild prune removes them.")
		.argument("<image...>", "names or ids")
		.option("--force", "remove an image that has several names, or that a machine runs")
		.action(async (images: readonly string[], flags: { readonly force?: boolean }) => {
			for (const image of images) {
				const { untagged, deleted, freed } = await backend.remove(homeOf(io), image, flags.force === true);
				for (const name of untagged) io.stdout.write(`Untagged: ${name}\n`);
				if (deleted !== undefined) io.stdout.write(`Deleted: ${deleted} (${formatBytes(freed)})\n`);
			}
		});
}
