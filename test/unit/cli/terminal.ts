/** As much of a terminal as the renderers may ask for; anything else that is written to it is an error. */
import type { TextOutput } from "../../../src/cli/io.ts";
import { displayWidth } from "../../../src/cli/render/text.ts";

/** A logical line and its colour codes gone; it takes as many rows as its length needs. */
export class Terminal implements TextOutput {
	readonly isTTY = true;
	readonly rows: number;
	columns: number;
	/** Every write as it came, for golden files. */
	readonly writes: string[] = [];
	/** Lines above the cursor, which stands at the start of the line below them. */
	#lines: string[] = [];

	constructor(columns: number, rows = 24) {
		this.columns = columns;
		this.rows = rows;
	}

	write(text: string): void {
		this.writes.push(text);
		// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is read here
		const back = /^\u001b\[(\d+)A\r\u001b\[J/.exec(text);
		if (back !== null) this.#takeBack(Number(back[1]));
		// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is read here
		const rest = text.slice(back?.[0].length ?? 0).replace(/\u001b\[[\d;]*m/g, "");
		// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be left
		if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(rest)) throw new Error(`unexpected control: ${JSON.stringify(rest)}`);
		if (rest !== "" && !rest.endsWith("\n")) throw new Error(`the cursor is left in a line: ${JSON.stringify(rest)}`);
		this.#lines.push(...rest.split("\n").slice(0, -1));
	}

	/** What stands on the screen and above it. */
	get lines(): readonly string[] {
		return this.#lines;
	}

	#takeBack(rows: number): void {
		if (rows >= this.rows) throw new Error(`${rows} rows back is above the screen`);
		let left = rows;
		while (left > 0) left -= this.#rowsOf(this.#lines.pop() ?? "");
		if (left < 0) throw new Error("the cursor went into the middle of a wrapped line");
	}

	/** Rows after the terminal has wrapped the line anew, a character at a time. */
	#rowsOf(line: string): number {
		const rows = [0];
		for (const character of line) {
			const width = displayWidth(character);
			const used = rows.at(-1) ?? 0;
			if (used + width > this.columns) rows.push(width);
			else rows[rows.length - 1] = used + width;
		}
		return rows.length;
	}
}
