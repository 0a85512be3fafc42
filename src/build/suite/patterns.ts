/** goss's patterns for texts: "part", "!part", "/expression/", "!/expression/"; each line counts by itself. */

/** Go's classes of characters, as they may stand in brackets. */
const CLASSES: Readonly<Record<string, string>> = {
	alnum: "0-9A-Za-z",
	alpha: "A-Za-z",
	blank: "\\t ",
	digit: "0-9",
	lower: "a-z",
	punct: "!-\\/:-@\\[-`{-~",
	space: "\\s",
	upper: "A-Z",
	word: "\\w",
	xdigit: "0-9A-Fa-f",
};

/**
 * An expression in Go's syntax.
 * @throws SyntaxError for one that is none
 */
export function regularExpression(text: string): RegExp {
	const [, flags = "", rest = text] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(text) ?? [];
	const source = rest
		.replaceAll("(?P<", "(?<")
		.replaceAll("\\A", "^")
		.replaceAll("\\z", "$")
		.replace(/\[:([a-z]+):\]/g, (written, name: string) => CLASSES[name] ?? written);
	return new RegExp(source, flags);
}

/** Whether a text has a line as the pattern says, or none with "!" before it. */
export function linePattern(pattern: string): (text: string) => boolean {
	const inverted = pattern.startsWith("!");
	const body = inverted ? pattern.slice(1) : pattern.replace(/^\\(?=!)/, "");
	const matches = lineTest(body);
	return (text) => text.split("\n").some(matches) !== inverted;
}

function lineTest(body: string): (line: string) => boolean {
	if (!/^\/[\s\S]*\/$/.test(body) || body.length < 2) return (line) => line.includes(body);
	const expression = regularExpression(body.slice(1, -1));
	return (line) => expression.test(line);
}
