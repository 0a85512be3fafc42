/** `nodebuild tag IMAGE NAME`: another name for an image. */
import type { Command } from "commander";
import { type CommandContext, homeOf } from "../context.ts";
import { parseTag } from "../parse.ts";

export function addTag(program: Command, { io, backend }: CommandContext): void {
	program
		.command("tag")
		.summary("give an image another name")
		.description("Give an image another name. A name that another image had moves to this one.")
		.argument("<image>", "name or id")
		.argument("<name[:tag]>", "the new name", parseTag)
		.action((image: string, name: string) => backend.tag(homeOf(io), image, name));
}
