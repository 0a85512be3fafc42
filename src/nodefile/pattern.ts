/**
 * The patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*`, `?` and backslash escapes, no brackets. Rules from
 * moby/buildkit frontend/dockerfile/shell/lex.go (convertShellPatternToRegex); matched here by one pass of dynamic
 * programming, so that no pattern can take more than length times length.
 */
import { NodebuildError } from "../errors.ts";

/** `?`, `*`, or a literal character. Neither wildcard crosses a line break. */
type Token = { readonly kind: "any" | "star" } | { readonly kind: "literal"; readonly char: string };

/** @throws NodebuildError NODEFILE_INVALID for an escape of anything but `* ? \ } /`. */
function parsePattern(pattern: string): Token[] {
	const chars = Array.from(pattern);
	const tokens: Token[] = [];
	for (let at = 0; at < chars.length; at++) {
		const char = chars[at] ?? "";
		if (char === "*") tokens.push({ kind: "star" });
		else if (char === "?") tokens.push({ kind: "any" });
		else if (char !== "\\") tokens.push({ kind: "literal", char });
		else {
			const escaped = chars[at + 1];
			// `\}` and `\/` are escapes of the ${} around the pattern, not of the pattern.
			if (escaped === "}" || escaped === "/") continue;
			if (escaped !== "*" && escaped !== "?" && escaped !== "\\") throw invalidEscape(pattern, escaped);
			tokens.push({ kind: "literal", char: escaped });
			at++;
		}
	}
	return tokens;
}

function invalidEscape(pattern: string, escaped: string | undefined): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `invalid pattern (${pattern}) in substitution: invalid escape '\\${escaped ?? ""}'`,
		hint: "In a pattern a backslash may stand before * ? \\ } and / only; write a backslash itself as \\\\.",
	});
}

/** For each start the end of the longest (or shortest) match that begins there, or -1. */
function matchEnds(tokens: readonly Token[], chars: readonly string[], longest: boolean): Int32Array {
	const size = chars.length + 1;
	let ends = Int32Array.from({ length: size }, (_, at) => at);
	for (const token of tokens.toReversed()) {
		const next = ends;
		ends = new Int32Array(size).fill(-1);
		for (let at = chars.length; at >= 0; at--) {
			const char = chars[at];
			if (token.kind === "star") {
				const stay = next[at] ?? -1;
				const further = char === undefined || char === "\n" ? -1 : (ends[at + 1] ?? -1);
				ends[at] = prefer(stay, further, longest);
			} else if (char !== undefined && (token.kind === "literal" ? char === token.char : char !== "\n")) {
				ends[at] = next[at + 1] ?? -1;
			}
		}
	}
	return ends;
}

function prefer(a: number, b: number, longest: boolean): number {
	if (a < 0 || b < 0) return Math.max(a, b);
	return longest ? Math.max(a, b) : Math.min(a, b);
}

/** `${value#pattern}`, or `##` when `longest`. */
export function trimPrefix(value: string, pattern: string, longest: boolean): string {
	const chars = Array.from(value);
	const end = matchEnds(parsePattern(pattern), chars, longest)[0] ?? -1;
	return end < 0 ? value : chars.slice(end).join("");
}

/** `${value%pattern}`, or `%%` when `longest`: the same, read from the end. */
export function trimSuffix(value: string, pattern: string, longest: boolean): string {
	const chars = Array.from(value).reverse();
	const end = matchEnds(parsePattern(pattern).reverse(), chars, longest)[0] ?? -1;
	return end < 0 ? value : chars.slice(end).reverse().join("");
}

/** `${value/pattern/replacement}`, or `//` when `all`; the longest match of the leftmost start is replaced. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string {
	const chars = Array.from(value);
	const ends = matchEnds(parsePattern(pattern), chars, true);
	let result = "";
	let copied = 0;
	for (let at = 0; at <= chars.length; at++) {
		const end = ends[at] ?? -1;
		if (end < 0) continue;
		// As Go does: an empty match right after another match does not count.
		if (end === at && at === copied && at !== 0) continue;
		result += chars.slice(copied, at).join("") + replacement;
		copied = end;
		if (!all) break;
		if (end > at) at = end - 1;
	}
	return result + chars.slice(copied).join("");
}
