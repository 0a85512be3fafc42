/** Words where a command's name is expected: what commander would take for an argument, or answer with all its help. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { NodebuildError } from "../errors.ts";
import { nearest } from "../layers/reference.ts";

/**
 * The first word may also be a folder, build's context; those after `bases` and `help` are names of commands only.
 * @throws NodebuildError USAGE
 */
export function checkWords(program: Command, words: readonly string[], cwd: string): void {
	const [word, ...rest] = words;
	if (word === undefined) return;
	const known = findCommand(program, word);
	if (word === "help" || known !== undefined) {
		checkNames(known ?? program, rest, `nodebuild ${word}`);
		return;
	}
	if (!/^[A-Za-z][\w-]*$/.test(word) || existsSync(resolve(cwd, word))) return;
	throw unknown(word, program, "nodebuild", "expected a command or a folder");
}

function checkNames(command: Command, words: readonly string[], written: string): void {
	const [word, ...rest] = words;
	if (word === undefined || word.startsWith("-") || command.commands.length === 0) return;
	const known = findCommand(command, word);
	if (word !== "help" && known === undefined)
		throw unknown(word, command, written, `expected a command after "${written}"`);
	checkNames(known ?? command, rest, `${written} ${word}`);
}

/** The command of a name or alias. */
export function findCommand(command: Command, word: string): Command | undefined {
	return command.commands.find((one) => one.name() === word || one.aliases().includes(word));
}

function unknown(word: string, command: Command, written: string, expected: string): NodebuildError {
	const names = command.commands.flatMap((one) => [one.name(), ...one.aliases()]);
	const [meant] = nearest(word, [...names, "help"]);
	return new NodebuildError({
		code: "USAGE",
		message: `${expected}, got "${word}"`,
		hint:
			meant !== undefined
				? `did you mean ${written} ${meant}?`
				: command.parent === null
					? 'see "nodebuild --help"'
					: `the commands are ${names.join(", ")}`,
	});
}
