/** `nodebuild images`: what is in the store. */
import type { Command } from "commander";
import type { Image } from "../../layers/types.ts";
import { formatBytes } from "../../system/files.ts";
import { type CommandContext, homeOf, printJson } from "../context.ts";
import { formatAge, shortId, table } from "../render/text.ts";

interface Flags {
	readonly quiet?: boolean;
	readonly json?: boolean;
}

export function addImages(program: Command, { io, backend }: CommandContext): void {
	program
		.command("images")
		.alias("ls")
		.summary("list the images in the store")
		.description("List the images in the store, newest first.")
		.option("-q, --quiet", "print ids only")
		.option("--json", "print the images' records as JSON")
		.action(async (flags: Flags) => {
			const images = [...(await backend.images(homeOf(io)))].sort((a, b) => b.created.localeCompare(a.created));
			if (flags.json === true) printJson(io, images);
			else if (flags.quiet === true) io.stdout.write(images.map((image) => `${image.id}\n`).join(""));
			else io.stdout.write(imageTable(images, io.now()));
		});
}

function imageTable(images: readonly Image[], now: number): string {
	const rows = images.flatMap((image) =>
		(image.tags.length > 0 ? image.tags : ["<none>:<none>"]).map((name) => {
			const colon = name.lastIndexOf(":");
			const age = formatAge(now - Date.parse(image.created));
			const size = `${formatBytes(image.size)} of ${formatBytes(image.virtualSize)}`;
			return [name.slice(0, colon), name.slice(colon + 1), shortId(image.id), image.baseRef, age, size];
		}),
	);
	return table(["REPOSITORY", "TAG", "IMAGE ID", "BASE", "CREATED", "SIZE"], rows);
}
