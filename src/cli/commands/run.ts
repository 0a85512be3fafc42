/** `nodebuild run IMAGE`: a throwaway machine of an image. */
import type { Command } from "commander";
import { NodebuildError } from "../../errors.ts";
import {
	addMachineOptions,
	type CommandContext,
	collect,
	homeOf,
	type MachineFlags,
	machineOf,
	withProgress,
} from "../context.ts";
import { type Publish, parsePublish } from "../parse.ts";

interface Flags extends MachineFlags {
	readonly publish?: readonly Publish[];
	readonly publishAll?: boolean;
	readonly ssh?: boolean;
	readonly console?: boolean;
}

export function addRun(program: Command, context: CommandContext): void {
	const command = program
		.command("run")
		.summary("boot a throwaway machine of an image")
		.description(
			"Boot a throwaway machine of an image: what it writes is gone when it ends. With a COMMAND, run that in it as\nthe image's user and end with its exit status; otherwise the machine runs until Ctrl-C.",
		)
		.argument("<image>", "name or id")
		.argument("[command...]", "command to run in the machine, after -- where it has options of its own")
		.option("--ssh", "open a shell in the machine; it ends with the shell")
		.option("--console", "attach this terminal to the machine's serial console")
		.option("-p, --publish <host:guest>", "forward a port of 127.0.0.1 to the machine", collect(parsePublish))
		.option("-P, --publish-all", "forward every port that the image EXPOSEs to a free port of 127.0.0.1")
		.passThroughOptions();
	addMachineOptions(command).action((image: string, words: readonly string[], _flags: Flags, self: Command) =>
		run(image, words, self, context),
	);
}

/** Options may stand before the image, as docker wants it, or behind it. */
function commandWords(self: Command, words: readonly string[]): readonly string[] {
	if (words[0]?.startsWith("-") !== true) return words;
	const { operands, unknown } = self.parseOptions([...words]);
	const [option] = unknown;
	if (option !== undefined && words[0] !== "--") self.error(`error: unknown option '${option}'`);
	return [...operands, ...unknown];
}

async function run(
	image: string,
	words: readonly string[],
	self: Command,
	{ io, backend, exitWith }: CommandContext,
): Promise<void> {
	const argv = commandWords(self, words);
	const flags = self.opts<Flags>();
	const ways = [flags.ssh === true && "--ssh", flags.console === true && "--console", argv.length > 0 && "a command"];
	const chosen = ways.filter((way) => way !== false);
	if (chosen.length > 1) {
		throw new NodebuildError({
			code: "USAGE",
			message: `expected one way to use the machine, got ${chosen.join(" and ")}`,
			hint: "leave all but one away",
		});
	}
	const status = await withProgress({}, io, (renderer) =>
		backend.run({
			home: homeOf(io),
			image,
			...machineOf(flags, io),
			publish: flags.publish ?? [],
			publishAll: flags.publishAll === true,
			ssh: flags.ssh === true,
			console: flags.console === true,
			...(argv.length === 0 ? {} : { command: argv }),
			signal: io.signal,
			emit: renderer.emit,
		}),
	);
	exitWith(status);
}
