/** `nodebuild version`, `nodebuild --version`. */
import type { Command } from "commander";
import packageJson from "../../../package.json" with { type: "json" };
import type { CommandContext } from "../context.ts";

export const VERSION: string = packageJson.version;

export function addVersion(program: Command, { io }: CommandContext): void {
	program
		.command("version")
		.description("Print nodebuild's version.")
		.action(() => {
			io.stdout.write(`nodebuild ${VERSION}\n`);
		});
}
