/** `nodebuild rmi IMAGE...`: remove names, and the image with its last name. */
import type { Command } from "commander";
import { type ErrorCode, NodebuildError } from "../../errors.ts";
import { formatBytes } from "../../system/files.ts";
import { type CommandContext, homeOf } from "../context.ts";
import { show } from "../failed.ts";

export function addRmi(program: Command, { io, backend, exitWith }: CommandContext): void {
	program
		.command("rmi")
		.summary("remove images")
		.description("Remove images by name or id. Layers stay for the next build; nodebuild prune removes them.")
		.argument("<image...>", "names or ids")
		.option("--force", "remove an image that has several names, or that a machine runs")
		.action(async (images: readonly string[], { force }: { readonly force?: boolean }) => {
			for (const image of images) {
				try {
					const { untagged, deleted, freed } = await backend.remove(homeOf(io), image, force === true);
					for (const name of untagged) io.stdout.write(`Untagged: ${name}\n`);
					if (deleted !== undefined) io.stdout.write(`Deleted: ${deleted} (${formatBytes(freed)})\n`);
				} catch (error) {
					if (!isAboutOne(error)) throw error;
					exitWith(show(error, io));
				}
			}
		});
}

/** As docker does: the others are removed all the same. */
function isAboutOne(error: unknown): boolean {
	return error instanceof NodebuildError && ABOUT_ONE.has(error.code);
}

const ABOUT_ONE: ReadonlySet<ErrorCode> = new Set(["IMAGE_NOT_FOUND", "IMAGE_IN_USE", "USAGE"]);
