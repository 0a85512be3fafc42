/** The lines at the bottom of a terminal that are drawn again and again, below what has scrolled by. */
import type { TextOutput } from "../io.ts";
import { displayRows, truncate } from "./text.ts";

/** Erase from the cursor to the end of the screen. */
const ERASE_BELOW = "\u001b[J";

export class LiveRegion {
	readonly #output: TextOutput;
	#drawn: readonly string[] = [];

	constructor(output: TextOutput) {
		this.#output = output;
	}

	get columns(): number {
		return Math.max(20, this.#output.columns ?? 80);
	}

	/** Half of the screen: what a terminal made narrower has wrapped to twice the rows can still be taken back. */
	get height(): number {
		return Math.max(2, Math.floor(this.#rows / 2) - 1);
	}

	get #rows(): number {
		return this.#output.rows ?? 24;
	}

	/**
	 * In one write, so that nothing flickers: take the region back, print `finished` for good, draw `live`.
	 * Lines of `live` are cut to the width; lines of `finished` may wrap.
	 */
	update(finished: readonly string[], live: readonly string[]): void {
		// The last column stays free: a full line would wrap on some terminals and not on others.
		const lines = live.slice(0, this.height).map((line) => truncate(line, this.columns - 1));
		const text = `${this.#takeBack()}${[...finished, ...lines].map((line) => `${line}\n`).join("")}`;
		this.#drawn = lines;
		if (text !== "") this.#output.write(text);
	}

	/** A terminal that became narrower has wrapped what we drew: count rows by its width of now. */
	#takeBack(): string {
		if (this.#drawn.length === 0) return "";
		const rows = this.#drawn.reduce((sum, line) => sum + displayRows(line, this.columns), 0);
		return `\u001b[${Math.min(rows, this.#rows - 1)}A\r${ERASE_BELOW}`;
	}
}
