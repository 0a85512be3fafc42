/** Physical lines, as BuildKit's scanner cuts them: at line feeds only, with carriage returns part of the ending. */
import { NodebuildError } from "../errors.ts";

export interface Line {
	/** 1-based. */
	readonly number: number;
	/** Without its ending; on the first line without a byte order mark. */
	readonly text: string;
	/** "\n", "\r\n", or "" at the end of the text. */
	readonly ending: string;
}

/** BuildKit's limit, in bytes without the line feed (Go's bufio.MaxScanTokenSize - 1). */
export const MAX_LINE_BYTES = 65_535;

/** @throws NodebuildError NODEFILE_SYNTAX, located, for a line that is too long. */
export function splitLines(file: string, source: string): Line[] {
	const text = source.startsWith("\ufeff") ? source.slice(1) : source;
	const lines: Line[] = [];
	for (let start = 0; start < text.length; ) {
		const feed = text.indexOf("\n", start);
		const end = feed < 0 ? text.length : feed + 1;
		const whole = text.slice(start, end);
		const content = withoutEnding(whole);
		const line = { number: lines.length + 1, text: content, ending: whole.slice(content.length) };
		if (isTooLong(feed < 0 ? whole : whole.slice(0, -1))) throw tooLong(file, line);
		lines.push(line);
		start = end;
	}
	return lines;
}

function withoutEnding(text: string): string {
	let end = text.length;
	while (end > 0 && "\r\n".includes(text.charAt(end - 1))) end--;
	return text.slice(0, end);
}

function isTooLong(text: string): boolean {
	// A UTF-16 code unit is three bytes of UTF-8 at most: short lines need no counting.
	if (text.length * 3 <= MAX_LINE_BYTES) return false;
	return new TextEncoder().encode(text).length > MAX_LINE_BYTES;
}

function tooLong(file: string, line: Line): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: `line greater than max allowed size of ${MAX_LINE_BYTES} bytes`,
		hint: "Continue the line on the next one with the escape character, or COPY a file instead of writing it here.",
		at: { file, line: line.number, column: 1, text: line.text.slice(0, 200) },
	});
}
