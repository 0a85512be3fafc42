/**
 * Words of a Nodefile: quotes, escapes and variables, a port of the rules of BuildKit's shell.Lex
 * (moby/buildkit frontend/dockerfile/shell/lex.go). Pure: the variables come from the caller.
 */
import { NodebuildError } from "../errors.ts";
import { isSpace } from "./space.ts";
import {
	applyModifier,
	applyReplacement,
	isOperator,
	unclosedBrace,
	unclosedQuote,
	unsupportedModifier,
	wordError,
} from "./substitution.ts";
import { WordCollector } from "./word-collector.ts";

/** The value of a variable, undefined when it is not set. */
export type Environment = (name: string) => string | undefined;

export interface WordOptions {
	/** The Nodefile's escape character (`# escape=`). */
	readonly escape: "\\" | "`";
	/** Keep quotes in the result. */
	readonly rawQuotes?: boolean;
	/** Keep escape characters in the result. */
	readonly rawEscapes?: boolean;
	/** Quotes are plain characters: how the content of a heredoc is expanded. */
	readonly skipQuotes?: boolean;
	/** Leave variables that are not set as they are written. */
	readonly keepUnset?: boolean;
}

export interface Expansion {
	readonly value: string;
	/** Names that were asked for and not set, in order, each once. */
	readonly unmatched: readonly string[];
}

/**
 * One word: quotes removed, escapes resolved, variables replaced; blanks stay.
 * @throws NodebuildError NODEFILE_INVALID, without a place, for unbalanced quotes or braces, unknown forms of `${}`,
 * and variables that `${v:?}` requires.
 */
export function processWord(word: string, env: Environment, options: WordOptions): Expansion {
	const lexer = new Lexer(word, env, options);
	const { value } = lexer.run();
	return { value, unmatched: [...lexer.unmatched] };
}

/** As processWord, then split at white space that is neither quoted nor escaped; blanks in variables split too. */
export function processWords(word: string, env: Environment, options: WordOptions): string[] {
	return new Lexer(word, env, options).run().words;
}

/** `${a:-${b:-...}}` deeper than this is refused, so that no text exhausts the stack. */
const MAX_DEPTH = 200;

interface Processed {
	readonly value: string;
	readonly words: string[];
}

class Lexer {
	readonly unmatched = new Set<string>();
	readonly #source: string;
	readonly #chars: readonly string[];
	readonly #env: Environment;
	readonly #options: WordOptions;
	#at = 0;
	#depth = 0;
	#rawEscapes: boolean;

	constructor(word: string, env: Environment, options: WordOptions) {
		this.#source = word;
		// Go's text/scanner, which BuildKit reads with, skips a byte order mark.
		this.#chars = Array.from(word.startsWith("\ufeff") ? word.slice(1) : word);
		this.#env = env;
		this.#options = options;
		this.#rawEscapes = options.rawEscapes ?? false;
	}

	run(): Processed {
		try {
			return this.#until(undefined, this.#rawEscapes);
		} catch (cause) {
			if (!(cause instanceof NodebuildError)) throw cause;
			throw new NodebuildError({
				code: cause.code,
				message: `failed to process ${JSON.stringify(this.#source)}: ${cause.message}`,
				...(cause.hint === undefined ? {} : { hint: cause.hint }),
				cause,
			});
		}
	}

	/** Reads up to and including `stop`, or to the end. */
	#until(stop: string | undefined, rawEscapes: boolean): Processed {
		if (++this.#depth > MAX_DEPTH) throw wordError(`substitutions are nested more than ${MAX_DEPTH} deep`);
		const outer = this.#rawEscapes;
		this.#rawEscapes = rawEscapes;
		const words = new WordCollector();
		let value = "";
		for (let char = this.#peek(); char !== undefined; char = this.#peek()) {
			if (char === stop) {
				this.#at++;
				this.#rawEscapes = outer;
				this.#depth--;
				return { value, words: words.finish() };
			}
			value += this.#piece(char, words);
		}
		if (stop !== undefined) {
			throw wordError(`unexpected end of statement while looking for matching ${stop}`);
		}
		return { value, words: words.finish() };
	}

	/** The next character, quoted part, variable or escape, which is also added to `words`. */
	#piece(char: string, words: WordCollector): string {
		const quotes = this.#options.skipQuotes !== true;
		if (char === "$") {
			const text = this.#dollar();
			words.add(text);
			return text;
		}
		if (char === "<" || (quotes && (char === "'" || char === '"'))) {
			const text = char === "<" ? this.#arrow() : char === "'" ? this.#singleQuoted() : this.#doubleQuoted();
			words.addWhole(text);
			return text;
		}
		this.#at++;
		if (char !== this.#options.escape) {
			words.add(char);
			return char;
		}
		const kept = this.#rawEscapes ? char : "";
		if (kept !== "") words.addWhole(kept);
		const escaped = this.#next();
		if (escaped === undefined) return kept;
		words.addWhole(escaped);
		return kept + escaped;
	}

	#singleQuoted(): string {
		const quote = this.#options.rawQuotes ? "'" : "";
		let result = quote;
		this.#at++;
		for (;;) {
			const char = this.#next();
			if (char === undefined) throw unclosedQuote("single-quote", "'");
			if (char === "'") return result + quote;
			result += char;
		}
	}

	#doubleQuoted(): string {
		const quote = this.#options.rawQuotes ? '"' : "";
		let result = quote;
		this.#at++;
		for (;;) {
			if (this.#peek() === "$") {
				result += this.#dollar();
				continue;
			}
			const char = this.#next();
			if (char === undefined) throw unclosedQuote("double-quote", '"');
			if (char === '"') return result + quote;
			result += char === this.#options.escape ? this.#escapedInQuotes(char) : char;
		}
	}

	/** Between double quotes only `"`, `$` and the escape character can be escaped. */
	#escapedInQuotes(token: string): string {
		const kept = this.#rawEscapes ? token : "";
		const next = this.#peek();
		if (next === undefined) return kept;
		if (next !== '"' && next !== "$" && next !== token) return kept + token;
		this.#at++;
		return kept + next;
	}

	/** `<<` and the blanks behind it belong to one word: heredocs may be written `<< EOF`. */
	#arrow(): string {
		this.#at++;
		if (this.#peek() !== "<") return "<";
		this.#at++;
		let text = "<<";
		for (let char = this.#peek(); char !== undefined && isSpace(char); char = this.#peek()) {
			text += char;
			this.#at++;
		}
		return text;
	}

	#dollar(): string {
		this.#at++;
		if (this.#peek() === "{") {
			this.#at++;
			return this.#braced();
		}
		const name = this.#name();
		if (name === "") return "$";
		const value = this.#lookup(name);
		if (value === undefined && this.#options.keepUnset) return `$${name}`;
		return value ?? "";
	}

	#braced(): string {
		const first = this.#peek();
		if (first === undefined) throw unclosedBrace();
		if (first === "{" || first === "}" || first === ":") throw wordError("syntax error: bad substitution");
		const name = this.#name();
		const char = this.#next();
		if (char === "}") {
			const value = this.#lookup(name);
			if (value === undefined && this.#options.keepUnset) return `\${${name}}`;
			return value ?? "";
		}
		if (char === "/") return this.#replaced(name);
		const colon = char === ":";
		const operator = colon ? this.#next() : char;
		const written = (colon ? ":" : "") + (operator ?? "");
		const trims = operator === "#" || operator === "%";
		if (!isOperator(operator) || (colon && trims)) {
			throw unsupportedModifier(written);
		}
		const operand = this.#operand("}", trims, unclosedBrace);
		const value = this.#lookup(name);
		if (value === undefined && this.#options.keepUnset) return `\${${name}${written}${operand}}`;
		return applyModifier({ name, operator, colon, operand }, value);
	}

	#replaced(name: string): string {
		const all = this.#peek() === "/";
		if (all) this.#at++;
		const pattern = this.#operand("/", true, () => wordError(`syntax error: missing '/' in \${}`));
		const replacement = this.#operand("}", true, unclosedBrace);
		const value = this.#lookup(name);
		if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
		return applyReplacement({ pattern, replacement, all }, value);
	}

	#operand(stop: string, rawEscapes: boolean, unclosed: () => NodebuildError): string {
		try {
			return this.#until(stop, rawEscapes).value;
		} catch (cause) {
			// An error inside is told as it is; one at the very end means that the closing character is missing.
			throw this.#peek() === undefined && cause instanceof NodebuildError ? unclosed() : cause;
		}
	}

	/** Letters, digits and `_`; only digits when it begins with one; or one special parameter. */
	#name(): string {
		const first = this.#peek();
		if (first === undefined) return "";
		if (!/\p{Nd}/u.test(first) && "@*#?-$!".includes(first)) {
			this.#at++;
			return first;
		}
		const part = /\p{Nd}/u.test(first) ? /\p{Nd}/u : /[\p{L}\p{Nd}_]/u;
		let name = "";
		for (let char = this.#peek(); char !== undefined && part.test(char); char = this.#peek()) {
			name += char;
			this.#at++;
		}
		return name;
	}

	#lookup(name: string): string | undefined {
		const value = this.#env(name);
		if (value === undefined) this.unmatched.add(name);
		return value;
	}

	#peek(): string | undefined {
		return this.#chars[this.#at];
	}

	#next(): string | undefined {
		return this.#chars[this.#at++];
	}
}
