/**
 * White space as Go's unicode.IsSpace and strings.TrimSpace see it. JavaScript's own idea differs (it has U+FEFF and
 * lacks U+0085), and with it the place where a word ends.
 */

const SPACES = new Set(
	"\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
);

/** Whether a character (one UTF-16 code unit) is white space. */
export function isSpace(char: string): boolean {
	return SPACES.has(char);
}

export function trimStart(text: string): string {
	let start = 0;
	while (start < text.length && isSpace(text.charAt(start))) start++;
	return text.slice(start);
}

export function trimSpace(text: string): string {
	let end = text.length;
	while (end > 0 && isSpace(text.charAt(end - 1))) end--;
	return trimStart(text.slice(0, end));
}

/** Between a keyword and its arguments, and between plain arguments, BuildKit splits at these alone. */
const BLANKS = /[\t\v\f\r ]+/;

/** All parts between runs of blanks, empty ones included. */
export function splitAtBlanks(text: string): string[] {
	return text.split(BLANKS);
}

/** The part before the first run of blanks and the part after it, if there is such a run. */
export function cutAtBlanks(text: string): [head: string, tail: string | undefined] {
	const match = BLANKS.exec(text);
	if (match === null) return [text, undefined];
	return [text.slice(0, match.index), text.slice(match.index + match[0].length)];
}
