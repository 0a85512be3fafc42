/** Ranges of the text, and how they are shown to people. */
import { partOf, type SourceLocation } from "../errors.ts";
import { trimStart } from "./space.ts";
import type { Range } from "./types.ts";

/** A text with its name; NodefileText is one. */
export interface Source {
	readonly file: string;
	readonly text: string;
}

/** The line with this 1-based number, without its ending and, on the first line, without a byte order mark. */
export function lineText(text: string, number: number): string {
	let start = text.startsWith("\ufeff") ? 1 : 0;
	for (let line = 1; line < number; line++) {
		const feed = text.indexOf("\n", start);
		if (feed < 0) return "";
		start = feed + 1;
	}
	const feed = text.indexOf("\n", start);
	return text.slice(start, feed < 0 ? undefined : feed).replace(/\r$/, "");
}

/** A range as a place in an error: the first line of it, underlined up to its end. */
export function locate(source: Source, range: Range): SourceLocation {
	const text = lineText(source.text, range.startLine);
	const end = range.endLine === range.startLine ? range.endColumn : text.trimEnd().length;
	return {
		file: source.file,
		line: range.startLine,
		column: range.startColumn + 1,
		text,
		length: Math.max(1, end - range.startColumn),
	};
}

/** The whole line, from its first character that is no white space. */
export function rangeOfLine(source: Source, number: number): Range {
	const text = lineText(source.text, number);
	return {
		startLine: number,
		startColumn: text.length - trimStart(text).length,
		endLine: number,
		endColumn: text.length,
	};
}

/**
 * Where `part` is written within `within`, from a position on; undefined when it does not stand there literally
 * (because it is broken over lines, or had quotes).
 */
export function rangeOfText(
	source: Source,
	within: Range,
	part: string,
	from: { line: number; column: number } = { line: within.startLine, column: within.startColumn },
): Range | undefined {
	if (part === "") return undefined;
	for (let line = from.line; line <= within.endLine; line++) {
		const column = lineText(source.text, line).indexOf(part, line === from.line ? from.column : 0);
		if (column < 0) continue;
		return { startLine: line, startColumn: column, endLine: line, endColumn: column + part.length };
	}
	return undefined;
}

/** The same, on the first line that has it, and as words of their own where they stand so. */
export function rangeOfWord(source: Source, within: Range, part: string): Range | undefined {
	const found = rangeOfText(source, within, part);
	if (found === undefined) return undefined;
	const { startLine } = found;
	const text = lineText(source.text, startLine);
	const start = startLine === within.startLine ? within.startColumn : 0;
	const { column } = partOf({ file: source.file, line: startLine, column: start + 1, text }, part);
	return { startLine, startColumn: column - 1, endLine: startLine, endColumn: column - 1 + part.length };
}
