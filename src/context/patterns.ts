/**
 * Pattern lists with `!` exceptions, matched as github.com/moby/patternmatcher does: ignore files, `--exclude` and
 * `--parents`. Pure.
 */
import { BadPatternError, checkPattern, cleanPath } from "./match.ts";

export interface Pattern {
	/** Cleaned, without the "!". */
	readonly text: string;
	readonly exception: boolean;
	/** Index in the list it was made from. */
	readonly index: number;
	readonly match: (path: string) => boolean;
}

/** Per pattern, whether it matched a directory or one of its parents. */
export type MatchInfo = readonly boolean[];

export interface MatchResult {
	readonly matched: boolean;
	readonly info: MatchInfo;
	/** Index in the list of the pattern that decided, when one matched. */
	readonly decidedBy?: number;
}

export class PatternError extends Error {
	override readonly name = "PatternError";
	readonly index: number;
	constructor(message: string, index: number) {
		super(message);
		this.index = index;
	}
}

export class PatternList {
	readonly patterns: readonly Pattern[];
	readonly hasExceptions: boolean;

	/** @throws PatternError, which knows the index of the bad pattern. */
	constructor(texts: readonly string[]) {
		this.patterns = texts.flatMap((text, index) => compile(text, index) ?? []);
		this.hasExceptions = this.patterns.some((pattern) => pattern.exception);
	}

	/**
	 * Whether a path matches, given what its parent directory matched; without it the parents are tried too.
	 * The last pattern that changes the outcome wins.
	 */
	match(path: string, parent?: MatchInfo): MatchResult {
		const info: boolean[] = [];
		let matched = false;
		let decidedBy: number | undefined;
		for (const [i, pattern] of this.patterns.entries()) {
			let match = parent?.[i] ?? false;
			if (!match) {
				// An exception matters only to what is matched so far, any other pattern only to what is not.
				if (pattern.exception !== matched) {
					info.push(false);
					continue;
				}
				match = pattern.match(path) || (parent === undefined && parentsOf(path).some(pattern.match));
			}
			info.push(match);
			if (match && matched === pattern.exception) decidedBy = pattern.index;
			if (match) matched = !pattern.exception;
		}
		return decidedBy === undefined ? { matched, info } : { matched, info, decidedBy };
	}

	/** As a walk from the root decides, directory by directory: an exception for a parent counts only where it applied. */
	walk(path: string): MatchResult {
		return parentsOf(path)
			.concat(path)
			.reduce<MatchResult>((above, each) => this.match(each, above.info), { matched: false, info: [] });
	}

	/** Whether an exception may match something below a directory: only then is an excluded directory worth reading. */
	mayExceptBelow(directory: string): boolean {
		return this.patterns.some((pattern) => pattern.exception && mayMatchBelow(pattern.text, directory));
	}

	/** Whether a pattern without "!" may match something below a directory that itself does not match. */
	mayMatchBelow(directory: string): boolean {
		return this.patterns.some((pattern) => !pattern.exception && mayMatchBelow(pattern.text, directory));
	}
}

function parentsOf(path: string): string[] {
	const parts = path.split("/");
	return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** Conservative: true unless the literal start of the pattern leads elsewhere. */
function mayMatchBelow(pattern: string, directory: string): boolean {
	const special = pattern.search(/[*?[\\^]/);
	if (special < 0) return `${pattern}/`.startsWith(`${directory}/`);
	const literal = pattern.slice(0, special);
	return literal.length > directory.length ? literal.startsWith(`${directory}/`) : `${directory}/`.startsWith(literal);
}

function compile(text: string, index: number): Pattern | undefined {
	const trimmed = text.trim();
	if (trimmed === "") return undefined;
	const cleaned = cleanPath(trimmed);
	const exception = cleaned.startsWith("!");
	const pattern = exception ? cleaned.slice(1) : cleaned;
	if (pattern === "") throw new PatternError('illegal exclusion pattern: "!"', index);
	try {
		checkPattern(pattern);
		return { text: pattern, exception, index, match: matcherOf(pattern) };
	} catch (error) {
		if (!(error instanceof BadPatternError || error instanceof SyntaxError)) throw error;
		throw new PatternError(`syntax error in pattern "${pattern}": ${error.message}`, index);
	}
}

/** patternmatcher decides by the pattern's shape: equal, prefix, suffix, or a regular expression. */
function matcherOf(pattern: string): (path: string) => boolean {
	if (!/[*?[\]\\]/.test(pattern)) return (path) => path === pattern;
	const rest = pattern.replace(/^\*\*\/?/, "");
	if (rest === "") return () => true;
	const simpleTail = !/[*?[\]\\]/.test(rest);
	if (pattern.startsWith("**") && simpleTail) {
		const suffix = pattern.slice(2);
		return (path) => path.endsWith(suffix) || (suffix.startsWith("/") && path === suffix.slice(1));
	}
	if (/^[^*?[\]\\]*\*\*$/.test(pattern)) {
		const prefix = pattern.slice(0, -2);
		return (path) => path.startsWith(prefix);
	}
	const regexp = new RegExp(`^${regexpOf([...pattern])}$`);
	return (path) => regexp.test(path);
}

function regexpOf(chars: readonly string[]): string {
	let out = "";
	for (let i = 0; i < chars.length; i++) {
		const char = chars[i] as string;
		if (char === "*" && chars[i + 1] === "*") {
			i++;
			if (chars[i + 1] === "/") i++;
			const part = i + 1 === chars.length ? "[^\\n]*" : "(?:[^\\n]*/)?";
			// Repeating "**/" adds nothing but time.
			if (!out.endsWith(part)) out += part;
		} else if (char === "*") out += "[^/]*";
		else if (char === "?") out += "(?:[\\ud800-\\udbff][\\udc00-\\udfff]|[^/])";
		else if (char === "\\") out += literal(chars[++i] ?? "\\");
		else if (".+()|{}$".includes(char)) out += `\\${char}`;
		else out += char;
	}
	return out;
}

function literal(char: string): string {
	return /[\w\s]|[^\0-\x7f]/.test(char) ? char : `\\${char}`;
}
