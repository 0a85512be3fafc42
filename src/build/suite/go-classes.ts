/** Go's classes and escapes of letters, as JavaScript with the flag v has them. */

/** Mean themselves wherever they stand. */
export const LITERALS = /^[0-9A-Za-z]$/;

const POSIX: Readonly<Record<string, string>> = {
	alnum: "0-9A-Za-z",
	alpha: "A-Za-z",
	ascii: "\\x00-\\x7f",
	blank: "\\t\\x20",
	cntrl: "\\x00-\\x1f\\x7f",
	digit: "0-9",
	graph: "\\x21-\\x7e",
	lower: "a-z",
	print: "\\x20-\\x7e",
	punct: "\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e",
	space: "\\t\\n\\v\\f\\r\\x20",
	upper: "A-Z",
	word: "0-9A-Za-z_",
	xdigit: "0-9A-Fa-f",
};

/** Unlike JavaScript's, Go's `\s` is of ASCII, without the vertical tab. */
const PERL: Readonly<Record<string, string>> = { d: "0-9", s: "\\t\\n\\f\\r\\x20", w: "0-9A-Za-z_" };

const ESCAPES: Readonly<Record<string, string>> = { a: "\x07", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** @throws SyntaxError for a name that Go does not know */
export function posixClass(name: string, negated: boolean): string {
	const letters = Object.hasOwn(POSIX, name) ? POSIX[name] : undefined;
	if (letters === undefined) throw new SyntaxError(`Go has no class [:${name}:]`);
	return `[${negated ? "^" : ""}${letters}]`;
}

/** @param letter of `\d`, `\D` and their like */
export function perlClass(letter: string): string {
	const small = letter.toLowerCase();
	return `[${letter === small ? "" : "^"}${PERL[small] ?? ""}]`;
}

/** @param name general category, such as L or Nd, or a script, such as Greek */
export function unicodeClass(name: string, negated: boolean): string {
	const property = name === "Any" || name.length <= 2 ? name : `Script=${name}`;
	return `${negated ? "\\P" : "\\p"}{${property}}`;
}

/** What a backslash makes of a letter; undefined: nothing. */
export function escapeOf(letter: string): string | undefined {
	if (Object.hasOwn(ESCAPES, letter)) return ESCAPES[letter];
	return letter !== "" && letter <= "\x7f" && !LITERALS.test(letter) ? letter : undefined;
}
