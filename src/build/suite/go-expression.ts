/**
 * Regular expressions as Go's regexp/syntax reads them, in JavaScript's. What Go refuses is refused: a suite must mean the
 * same whether the machine has goss or not. https://github.com/google/re2/wiki/Syntax
 */
import { escapeOf, LITERALS, perlClass, posixClass, unicodeClass } from "./go-classes.ts";

/** Go's limit for `{n,m}`. */
const MOST_REPEATS = 1000;

/** What `(?ms)` says holds to the end of its group. */
interface Flags {
	readonly m: boolean;
	readonly s: boolean;
}

/**
 * An expression in Go's syntax.
 * @throws SyntaxError for one that is none
 */
export function goExpression(text: string): RegExp {
	const [whole = "", letters = ""] = /^\(\?([ims]+)\)/.exec(text) ?? [];
	const flags = { m: letters.includes("m"), s: letters.includes("s") };
	const source = new Translator(text.slice(whole.length), flags).translate();
	// With v, classes may stand in classes, and letters outside of the BMP count as one.
	return new RegExp(source, letters.includes("i") ? "iv" : "v");
}

class Translator {
	readonly #outer: Flags[] = [];
	#rest: string;
	#flags: Flags;

	constructor(text: string, flags: Flags) {
		this.#rest = text;
		this.#flags = flags;
	}

	translate(): string {
		let source = "";
		while (this.#rest !== "") source += this.#next();
		return source;
	}

	/** What comes next, if it is of that form. */
	#take(pattern: RegExp): RegExpExecArray | undefined {
		const match = pattern.exec(this.#rest) ?? undefined;
		this.#rest = this.#rest.slice(match?.[0].length ?? 0);
		return match;
	}

	#next(): string {
		const quoted = this.#take(/^\\Q([\s\S]*?)(?:\\E|$)/);
		if (quoted !== undefined) return literal(quoted[1] ?? "");
		if (this.#rest.startsWith("\\")) return this.#escape();
		if (this.#rest.startsWith("[")) return this.#class();
		if (this.#rest.startsWith("(")) return this.#group();
		const repeat = this.#take(/^\{(\d+)(?:,(\d*))?\}\??/);
		if (repeat !== undefined) return repetition(repeat);
		const [one = ""] = this.#take(/^[\s\S]/u) ?? [];
		switch (one) {
			case ")":
				this.#flags = this.#outer.pop() ?? this.#flags;
				return one;
			case ".":
				return this.#flags.s ? "[\\s\\S]" : "[^\\n]";
			case "^":
				return this.#flags.m ? "(?<![^\\n])" : BEGIN;
			case "$":
				return this.#flags.m ? "(?![^\\n])" : END;
			default:
				return /[*+?|]/.test(one) ? one : literal(one);
		}
	}

	#escape(): string {
		const [assertion] = this.#take(/^\\[AbBz]/) ?? [];
		if (assertion === "\\A") return BEGIN;
		if (assertion === "\\z") return END;
		return assertion ?? this.#classEscape() ?? literal(this.#escapedLetter());
	}

	/** `\d`, `\pL`, `\p{Greek}`, `\p{^L}`. */
	#classEscape(): string | undefined {
		const [, perl] = this.#take(/^\\([dDsSwW])/) ?? [];
		if (perl !== undefined) return perlClass(perl);
		const unicode = this.#take(/^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/);
		if (unicode === undefined) return undefined;
		const [, letter, caret, name, short = ""] = unicode;
		return unicodeClass(name ?? short, (letter === "P") !== (caret === "^"));
	}

	#escapedLetter(): string {
		const [written = "\\", hex, braced, octal, one = ""] =
			this.#take(/^\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}|(0[0-7]{0,2}|[1-7][0-7]{1,2})|([\s\S]))/u) ?? [];
		const digits = hex ?? braced;
		const point = digits === undefined ? Number.parseInt(octal ?? "", 8) : Number.parseInt(digits, 16);
		if (point <= 0x10_ffff) return String.fromCodePoint(point);
		const letter = escapeOf(one);
		if (letter === undefined) throw new SyntaxError(`Go has no escape sequence ${written}`);
		return letter;
	}

	#group(): string {
		const named = this.#take(/^\(\?P?<\w+>/);
		const plain = named ?? this.#take(/^\((?!\?)/);
		if (plain !== undefined) return this.#open("(", this.#flags);
		const flagged = this.#take(/^\(\?([imsU]*)(?:-([imsU]+))?([:)])/);
		const [written = "", on = "", off = "", end] = flagged ?? [];
		if (flagged === undefined)
			throw new SyntaxError(
				`Go has no ${/^\(\?<?.?/.exec(this.#rest)?.[0] ?? "("}: groups are (...), (?:...), (?P<name>...)`,
			);
		if (/[iU]/.test(on + off))
			throw new SyntaxError(`${written} is not known here: (?i) stands at the beginning only, and there is no flag U`);
		const flags = {
			m: !off.includes("m") && (on.includes("m") || this.#flags.m),
			s: !off.includes("s") && (on.includes("s") || this.#flags.s),
		};
		if (end === ":") return this.#open("(?:", flags);
		this.#flags = flags;
		return "";
	}

	#open(written: string, flags: Flags): string {
		this.#outer.push(this.#flags);
		this.#flags = flags;
		return written;
	}

	#class(): string {
		const [begin = ""] = this.#take(/^\[\^?/) ?? [];
		let source = begin;
		for (let first = true; first || this.#take(/^\]/) === undefined; first = false) {
			if (this.#rest === "") throw new SyntaxError("expected ] at the end of a class of letters");
			source += this.#member();
		}
		return `${source}]`;
	}

	#member(): string {
		const posix = this.#take(/^\[:(\^?)(\w*):\]/);
		if (posix !== undefined) return posixClass(posix[2] ?? "", posix[1] === "^");
		const inner = this.#classEscape();
		if (inner !== undefined) return inner;
		const from = this.#classLetter();
		if (!/^-(?!\]|$)/.test(this.#rest)) return literal(from);
		this.#rest = this.#rest.slice(1);
		return `${literal(from)}-${literal(this.#classLetter())}`;
	}

	#classLetter(): string {
		if (this.#rest.startsWith("\\")) return this.#escapedLetter();
		return this.#take(/^[\s\S]/u)?.[0] ?? "";
	}
}

const BEGIN = "(?<![\\s\\S])";
const END = "(?![\\s\\S])";

/** By number where JavaScript may see more in it than itself. */
function literal(text: string): string {
	return Array.from(text, (one) => (LITERALS.test(one) ? one : `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)).join(
		"",
	);
}

function repetition([written, from = "", to = ""]: RegExpExecArray): string {
	if (Math.max(Number(from), Number(to)) > MOST_REPEATS)
		throw new SyntaxError(`Go repeats ${MOST_REPEATS} times at most, got ${written}`);
	return written;
}
