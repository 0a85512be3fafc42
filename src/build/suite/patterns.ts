/** goss's patterns for texts: "part", "!part", "/expression/", "!/expression/"; each line counts by itself. */
import { goExpression } from "./go-expression.ts";

/**
 * Whether a text has a line as the pattern says, or none with "!" before it: goss's matchers/have_patterns.go.
 * @throws SyntaxError for an expression that is none
 */
export function linePattern(pattern: string): (text: string) => boolean {
	// goss finds it in an empty text too, which has no lines.
	if (pattern === "") return () => true;
	const inverted = pattern.startsWith("!");
	const matches = lineTest(inverted ? pattern.slice(1) : pattern);
	return (text) => linesOf(text).some(matches) !== inverted;
}

function lineTest(body: string): (line: string) => boolean {
	if (/^\/[\s\S]*\/$/.test(body)) {
		const expression = goExpression(body.slice(1, -1));
		return (line) => expression.test(line);
	}
	// goss takes all of these away, not only the backslash that `goss add` writes before "/" and "!".
	const part = body.replace(/^[\\/!]+/, "") || body;
	return (line) => line.includes(part);
}

/** As Go's bufio.ScanLines: a line's end is no line of its own. */
function linesOf(text: string): readonly string[] {
	return text === ""
		? []
		: text
				.replace(/\n$/, "")
				.split("\n")
				.map((line) => line.replace(/\r$/, ""));
}
