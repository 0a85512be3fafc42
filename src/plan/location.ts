/** From ranges of a text to places for people. */
import type { SourceLocation } from "../errors.ts";
import type { Range } from "../nodefile/types.ts";

export type Locate = (range: Range) => SourceLocation;

/** A function from ranges of `text` to locations in `file`. */
export function locator(file: string, text: string): Locate {
	const lines = text.split(/\r?\n/);
	return (range) => {
		const line = lines[range.startLine - 1] ?? "";
		const end = range.endLine === range.startLine ? range.endColumn : line.length;
		return {
			file,
			line: range.startLine,
			column: range.startColumn + 1,
			text: line,
			length: Math.max(1, end - range.startColumn),
		};
	};
}
