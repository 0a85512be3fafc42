/** Variables in the words of one instruction, and a warning for each that nobody defined. */
import { messageOf, NodebuildError, type SourceLocation } from "../errors.ts";
import { nearest } from "../nodefile/suggest.ts";
import { processWord, processWords } from "../nodefile/words.ts";
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

function failure(word: string, at: SourceLocation, cause: unknown): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `failed to process "${word}": ${messageOf(cause)}`,
		at,
		cause,
	});
}

/** Expansion of single words: quotes and escapes are taken away. */
export function expander(expansion: Expansion): Expand {
	return (word) => {
		try {
			const { value, unmatched } = processWord(word, (name) => getEnv(expansion.env, name), {
				escape: expansion.escape,
			});
			for (const name of unmatched) expansion.unmatched(name);
			return value;
		} catch (cause) {
			throw failure(word, expansion.at, cause);
		}
	};
}

/** Expansion in heredoc bodies: quotes stay, and the escape is always a backslash. */
export function rawExpander(expansion: Expansion): Expand {
	return (word) => {
		try {
			const { value, unmatched } = processWord(word, (name) => getEnv(expansion.env, name), {
				escape: "\\",
				skipProcessQuotes: true,
			});
			for (const name of unmatched) expansion.unmatched(name);
			return value;
		} catch (cause) {
			throw failure(word, expansion.at, cause);
		}
	};
}

/** One word in, any number out, split where an unquoted expansion has blanks (EXPOSE). */
export function expandWords(word: string, expansion: Expansion): string[] {
	try {
		return [...processWords(word, (name) => getEnv(expansion.env, name), { escape: expansion.escape })];
	} catch (cause) {
		throw failure(word, expansion.at, cause);
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
	return { rule: "UndefinedVar", message: `Usage of undefined variable '$${name}'${hint}`, at };
}
