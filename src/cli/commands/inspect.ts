/** `nodebuild inspect IMAGE`: everything that the store knows of an image. */
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { messageOf, NodebuildError } from "../../errors.ts";
import { catalogEntry } from "../../image/catalog.ts";
import { type CommandContext, homeOf, printJson } from "../context.ts";
import type { Io } from "../io.ts";

interface Flags {
	readonly catalog?: boolean;
	readonly disk?: string;
}

export function addInspect(program: Command, { io, backend }: CommandContext): void {
	program
		.command("inspect")
		.summary("print an image's record as JSON")
		.description(
			"Print an image's record as JSON: configuration, base, history, size, where its disk lies, and files that builds wrote of it.",
		)
		.argument("<image>", "name or id")
		.option("--catalog", "print what a platform asks for when the image is registered")
		.option("--disk <file>", "with --catalog: the file that is registered (default: the last one that a build wrote)")
		.action(async (image: string, flags: Flags) => {
			if (flags.disk !== undefined && flags.catalog !== true) {
				const hint = "nodebuild inspect --catalog --disk worker.qcow2 worker";
				throw new NodebuildError({ code: "USAGE", message: "--disk goes with --catalog", hint });
			}
			const found = await backend.image(homeOf(io), image);
			if (flags.catalog !== true) return printJson(io, found);
			return printJson(
				io,
				catalogEntry(found, flags.disk === undefined ? found.written.at(-1) : await fileOf(flags.disk, io)),
			);
		});
}

async function fileOf(path: string, io: Io) {
	const file = resolve(io.cwd, path);
	const hash = createHash("sha256");
	try {
		for await (const chunk of createReadStream(file)) hash.update(chunk);
		return { path, size: statSync(file).size, checksum: `sha256:${hash.digest("hex")}` };
	} catch (cause) {
		throw new NodebuildError({
			code: "USAGE",
			message: `expected --disk to name a file that can be read: ${messageOf(cause)}`,
			hint: `write it first: nodebuild -f Nodefile -o ${path}`,
			cause,
		});
	}
}
