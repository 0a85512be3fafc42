/** Where things stand in a suite: YAML nodes of the rendered text, as lines of the file. */
import { isMap, isScalar, isSeq, LineCounter, type Node } from "yaml";
import { NodebuildError, type SourceLocation } from "../../errors.ts";
import type { Rendered } from "./template.ts";

export type Path = readonly (string | number)[];

export class SuitePlaces {
	readonly counter = new LineCounter();
	readonly #file: string;
	readonly #source: readonly string[];
	readonly #rendered: Rendered;

	constructor(file: string, source: string, rendered: Rendered) {
		this.#file = file;
		this.#source = source.split("\n");
		this.#rendered = rendered;
	}

	/** A line of the file itself. */
	line(number: number, column = 1): SourceLocation {
		const text = (this.#source[number - 1] ?? "").replace(/\r$/, "");
		return { file: this.#file, line: number, column: Math.min(column, text.length + 1), text };
	}

	/** An offset of the rendered text. */
	offset(offset: number): SourceLocation {
		const { line, col } = this.counter.linePos(offset);
		return this.line(this.#rendered.lines[line - 1] ?? line, col);
	}

	/** The deepest part of a path that is there. */
	path(root: Node | null, path: Path): SourceLocation {
		let node: unknown = root;
		let offset = 0;
		for (const step of path) {
			let found: unknown;
			if (isMap(node)) {
				const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
				offset = startOf(pair?.key) ?? offset;
				found = pair?.value;
			} else if (isSeq(node)) {
				found = node.items[Number(step)];
				offset = startOf(found) ?? offset;
			}
			if (found === undefined) break;
			node = found;
		}
		return this.offset(offset);
	}
}

function startOf(node: unknown): number | undefined {
	return isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined;
}

export function suiteInvalid(message: string, at: SourceLocation, hint?: string): NodebuildError {
	return new NodebuildError({ code: "SUITE_INVALID", message, at, ...(hint ? { hint } : {}) });
}
