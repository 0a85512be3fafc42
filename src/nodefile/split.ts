/**
 * A logical line into keyword, flags and the rest.
 * Rules: moby/buildkit frontend/dockerfile/parser/split_command.go.
 */
import { cutAtBlanks, trimSpace } from "./space.ts";

export interface CommandLine {
	/** As written. */
	readonly keyword: string;
	/** Quotes and backslashes removed. */
	readonly flags: readonly string[];
	readonly rest: string;
}

export function splitCommand(line: string): CommandLine {
	const [keyword, tail] = cutAtBlanks(trimSpace(line));
	if (tail === undefined) return { keyword, flags: [], rest: "" };
	const { flags, end } = readFlags(tail);
	return { keyword, flags, rest: trimSpace(tail.slice(end)) };
}

/** BuildKit looks at single bytes here, hence ASCII; its mangling of other characters in flags is not copied. */
function isBlank(char: string | undefined): boolean {
	return char !== undefined && "\t\n\v\f\r ".includes(char);
}

function readFlags(line: string): { flags: string[]; end: number } {
	const flags: string[] = [];
	let at = 0;
	for (;;) {
		while (isBlank(line[at])) at++;
		if (!line.startsWith("--", at)) return { flags, end: at };
		const { word, quoted, end } = readFlag(line, at);
		at = end;
		if (word === "--") return { flags, end: at };
		if (quoted || word !== "") flags.push(word);
	}
}

/** One flag with its quotes and backslashes resolved; the backslash escapes here whatever the directive says. */
function readFlag(line: string, start: number): { word: string; quoted: boolean; end: number } {
	let word = "";
	let quoted = false;
	let quote: string | undefined;
	for (let at = start; at < line.length; at++) {
		const char = line.charAt(at);
		if (quote === undefined && isBlank(char)) return { word, quoted, end: at };
		if (char === quote) quote = undefined;
		else if (quote === undefined && (char === "'" || char === '"')) {
			quote = char;
			quoted = true;
		} else if (char === "\\") word += line.charAt(++at);
		else word += char;
	}
	return { word, quoted, end: line.length };
}
