/**
 * Paths and wildcards as Go's `path.Clean` and `filepath.Match` have them, which is what BuildKit uses for the
 * sources of COPY and ADD. Pure.
 */

/** Go's `path.Clean`: the shortest equal path; "." for nothing. */
export function cleanPath(path: string): string {
	const rooted = path.startsWith("/");
	const out: string[] = [];
	for (const part of path.split("/")) {
		if (part === "" || part === ".") continue;
		if (part !== "..") out.push(part);
		else if (out.length > 0 && out.at(-1) !== "..") out.pop();
		else if (!rooted) out.push("..");
	}
	const joined = out.join("/");
	return rooted ? `/${joined}` : joined === "" ? "." : joined;
}

/** A source argument as a path relative to the context's root: cleaned, kept within the root. "" is the root. */
export function confine(path: string): string {
	return cleanPath(`/${path}`).slice(1);
}

/** Whether a name has an unescaped `*`, `?` or `[` (tonistiigi/fsutil, copy.go). */
export function hasWildcards(name: string): boolean {
	for (let i = 0; i < name.length; i++) {
		const char = name[i];
		if (char === "\\") i++;
		else if (char === "*" || char === "?" || char === "[") return true;
	}
	return false;
}

/** Split before the first component with a wildcard: "a/b" and "c*" for "a/b/c*". */
export function splitWildcards(path: string): readonly [base: string, pattern: string] {
	const parts = path.split("/");
	const at = parts.findIndex(hasWildcards);
	return at < 0 ? [path, ""] : [parts.slice(0, at).join("/"), parts.slice(at).join("/")];
}

type Token =
	| { readonly kind: "char"; readonly char: string }
	| { readonly kind: "any" }
	| { readonly kind: "star" }
	| { readonly kind: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

export class BadPatternError extends Error {
	override readonly name = "BadPatternError";
}

const compiled = new Map<string, readonly Token[]>();

/**
 * Go's `filepath.Match`: the whole name must match; `*` and `?` never match "/", `[a-z]` and `[^a-z]` are classes,
 * `\` escapes.
 * @throws BadPatternError as Go returns ErrBadPattern.
 */
export function goMatch(pattern: string, name: string): boolean {
	let tokens = compiled.get(pattern);
	if (tokens === undefined) {
		tokens = parsePattern(pattern);
		compiled.set(pattern, tokens);
	}
	return matchTokens(tokens, [...name]);
}

/** @throws BadPatternError */
export function checkPattern(pattern: string): void {
	parsePattern(pattern);
}

function parsePattern(pattern: string): readonly Token[] {
	const chars = [...pattern];
	const tokens: Token[] = [];
	for (let i = 0; i < chars.length; i++) {
		const char = chars[i] as string;
		if (char === "*") {
			if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
		} else if (char === "?") tokens.push({ kind: "any" });
		else if (char === "[") {
			const [token, next] = parseClass(chars, i + 1);
			tokens.push(token);
			i = next;
		} else if (char === "\\") {
			const escaped = chars[++i];
			if (escaped === undefined) throw new BadPatternError("a backslash ends the pattern");
			tokens.push({ kind: "char", char: escaped });
		} else tokens.push({ kind: "char", char });
	}
	return tokens;
}

/** `from` is after the "["; the answer's index is that of the "]". */
function parseClass(chars: readonly string[], from: number): [Token, number] {
	let at = from;
	const negated = chars[at] === "^";
	if (negated) at++;
	const ranges: [string, string][] = [];
	while (ranges.length === 0 || chars[at] !== "]") {
		const low = classChar(chars, at);
		at = low.next;
		let high = low;
		if (chars[at] === "-") {
			high = classChar(chars, at + 1);
			at = high.next;
		}
		ranges.push([low.char, high.char]);
	}
	return [{ kind: "class", negated, ranges }, at];
}

function classChar(chars: readonly string[], at: number): { char: string; next: number } {
	const first = chars[at];
	if (first === undefined || first === "-" || first === "]") throw new BadPatternError('a "[" is not closed properly');
	if (first !== "\\") return { char: first, next: at + 1 };
	const escaped = chars[at + 1];
	if (escaped === undefined) throw new BadPatternError('a "[" is not closed');
	return { char: escaped, next: at + 2 };
}

/** Greedy with one point to return to: a star never crosses "/", so an earlier star need not be tried again. */
function matchTokens(tokens: readonly Token[], name: readonly string[]): boolean {
	let token = 0;
	let at = 0;
	let retry: { token: number; at: number } | undefined;
	while (at < name.length || token < tokens.length) {
		const current = tokens[token];
		if (current?.kind === "star") {
			retry = { token, at };
			token++;
			continue;
		}
		const char = name[at];
		if (current !== undefined && char !== undefined && matchOne(current, char)) {
			token++;
			at++;
			continue;
		}
		const swallowed = retry === undefined ? undefined : name[retry.at];
		if (retry === undefined || swallowed === undefined || swallowed === "/") return false;
		retry.at++;
		at = retry.at;
		token = retry.token + 1;
	}
	return true;
}

function matchOne(token: Token, char: string): boolean {
	if (token.kind === "char") return token.char === char;
	if (token.kind === "any") return char !== "/";
	if (token.kind === "star") return false;
	const code = codeOf(char);
	return token.ranges.some(([low, high]) => codeOf(low) <= code && code <= codeOf(high)) !== token.negated;
}

function codeOf(char: string): number {
	return char.codePointAt(0) ?? 0;
}
