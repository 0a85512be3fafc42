/** goss's patterns for texts: "part", "!part", "/expression/", "!/expression/"; each line counts by itself. */
import { goExpression } from "./go-expression.ts";

/** Whether a text has a line as the pattern says, or none with "!" before it. */
export function linePattern(pattern: string): (text: string) => boolean {
	const inverted = pattern.startsWith("!");
	const body = inverted ? pattern.slice(1) : pattern.replace(/^\\(?=!)/, "");
	const matches = lineTest(body);
	return (text) => text.split("\n").some(matches) !== inverted;
}

function lineTest(body: string): (line: string) => boolean {
	if (!/^\/[\s\S]*\/$/.test(body) || body.length < 2) return (line) => line.includes(body);
	const expression = goExpression(body.slice(1, -1));
	return (line) => expression.test(line);
}
