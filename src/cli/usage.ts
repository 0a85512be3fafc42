/** What commander says of a command line, as an error of ours. */
import type { Command, CommanderError } from "commander";
import { NodebuildError } from "../errors.ts";
import { didYouMean } from "../layers/reference.ts";
import { findCommand } from "./words.ts";

export function usageError(
	{ message, cause }: CommanderError,
	program: Command,
	args: readonly string[],
): NodebuildError {
	const [said = "", meant] = message.replace(/^error: /, "").split("\n(Did you mean ");
	return new NodebuildError({
		code: "USAGE",
		message: said,
		hint:
			meant === undefined ? (likelyChoice(said) ?? help(program, args)) : `did you mean ${meant.replace(/\)$/, "")}`,
		cause,
	});
}

/** "option '--progress <mode>' argument 'jsno' is invalid. Allowed choices are auto, tty, plain, json." */
function likelyChoice(said: string): string | undefined {
	const [, wrong, choices] = /argument '([^']*)' is invalid\. Allowed choices are (.*)\.$/.exec(said) ?? [];
	return wrong === undefined || choices === undefined ? undefined : didYouMean(wrong, choices.split(", "));
}

/** Without a command's name it is build that is meant. */
function help(program: Command, args: readonly string[]): string {
	const names: string[] = [];
	let command = program;
	for (const word of args) {
		const next = findCommand(command, word);
		if (next === undefined) break;
		names.push(next.name());
		command = next;
	}
	return `see "nodebuild ${names.length === 0 ? "build" : names.join(" ")} --help"`;
}
