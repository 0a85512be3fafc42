/** Variables in the words of one instruction, and a warning for each that nobody defined. */
import { NodebuildError, type SourceLocation } from "../errors.ts";
import { nearest } from "../nodefile/suggest.ts";
import { processWord, processWords, type WordOptions } from "../nodefile/words.ts";
import { getEnv } from "./env.ts";
import type { PlanWarning } from "./input.ts";
import type { Env } from "./types.ts";

/** One word in, one word out. */
export type Expand = (word: string) => string;

export interface Expansion {
	readonly env: Env;
	readonly escape: "\\" | "`";
	readonly at: SourceLocation;
	/** Called with each variable that `env` does not have. */
	readonly unmatched: (name: string) => void;
}

/** What words.ts throws knows the word but not the place. */
function located(error: unknown, at: SourceLocation): unknown {
	return error instanceof NodebuildError ? error.located(at) : error;
}

function expandWord(word: string, expansion: Expansion, options: WordOptions): string {
	try {
		const { value, unmatched } = processWord(word, (name) => getEnv(expansion.env, name), options);
		for (const name of unmatched) expansion.unmatched(name);
		return value;
	} catch (error) {
		throw located(error, expansion.at);
	}
}

/** Expansion of single words: quotes and escapes are taken away. */
export function expander(expansion: Expansion): Expand {
	return (word) => expandWord(word, expansion, { escape: expansion.escape });
}

/** Expansion in heredoc bodies: quotes stay, and the escape is always a backslash. */
export function rawExpander(expansion: Expansion): Expand {
	return (word) => expandWord(word, expansion, { escape: "\\", skipQuotes: true });
}

/** A command line for people: variables replaced where they are known, all else as written. */
export function expandForTitle(line: string, expansion: Expansion): string {
	try {
		const options = { escape: expansion.escape, rawQuotes: true, rawEscapes: true, keepUnset: true };
		return processWord(line, (name) => getEnv(expansion.env, name), options).value;
	} catch {
		// The shell has a grammar of its own; what it takes need not be words of a Nodefile.
		return line;
	}
}

/** One word in, any number out, split where an unquoted expansion has blanks (EXPOSE). */
export function expandWords(word: string, expansion: Expansion): string[] {
	try {
		return processWords(word, (name) => getEnv(expansion.env, name), { escape: expansion.escape });
	} catch (error) {
		throw located(error, expansion.at);
	}
}

/** BuildKit's rule UndefinedVar; names declared by an ARG without value are no mistake. */
export function undefinedVariable(
	name: string,
	env: Env,
	declared: ReadonlySet<string>,
	at: SourceLocation,
): PlanWarning | undefined {
	if (declared.has(name)) return undefined;
	const similar = nearest(
		name,
		env.map(([key]) => key),
	);
	const hint = similar === undefined ? "" : ` (did you mean $${similar}?)`;
	return { rule: "UndefinedVar", message: `Usage of undefined variable '$${name}'${hint}`, at: placeOf(name, at) };
}

/** The variable itself, where it stands in the line of the place. */
function placeOf(name: string, at: SourceLocation): SourceLocation {
	if (!/^\w+$/.test(name)) return at;
	const index = at.text.slice(at.column - 1).search(new RegExp(`\\$(?:${name}(?!\\w)|\\{${name}(?!\\w))`));
	if (index < 0) return at;
	const column = at.column + index;
	const braced = at.text[column] === "{";
	return { ...at, column, length: name.length + (braced ? 3 : 1) };
}
