/** `nodebuild inspect IMAGE`: everything that the store knows of an image. */
import type { Command } from "commander";
import { type CommandContext, homeOf, printJson } from "../context.ts";

export function addInspect(program: Command, { io, backend }: CommandContext): void {
	program
		.command("inspect")
		.summary("print an image's record as JSON")
		.description("Print an image's record as JSON: configuration, base, history, size and where its disk lies.")
		.argument("<image>", "name or id")
		.action(async (image: string) => printJson(io, await backend.image(homeOf(io), image)));
}
