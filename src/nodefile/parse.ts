/**
 * Text to instructions as text: comments, directives, continued lines, heredocs.
 * Rules: moby/buildkit frontend/dockerfile/parser/parser.go (Parse).
 */
import { NodebuildError } from "../errors.ts";
import { isKeyword, splitArguments } from "./arguments.ts";
import { argumentRanges } from "./ast.ts";
import { DirectiveReader } from "./directives.ts";
import { heredocReferences, readHeredoc } from "./heredoc.ts";
import { type Line, splitLines } from "./lines.ts";
import { locate, rangeOfLine, type Source } from "./locate.ts";
import { trimSpace, trimStart } from "./space.ts";
import { splitCommand } from "./split.ts";
import type { Heredoc, InstructionNode, LintWarning, NodefileText, Range } from "./types.ts";

type Escape = "\\" | "`";

/** A node that does not know its place and its comments yet. */
type Draft = Omit<InstructionNode, "range" | "argRanges" | "comments" | "heredocs" | "trigger"> & { trigger?: Draft };

/** ONBUILD ONBUILD is refused later; deeper nesting than this is not even read. */
const MAX_TRIGGER_DEPTH = 20;

/**
 * Splits a Nodefile the way BuildKit splits a Dockerfile, and no further: unknown instructions and flags pass.
 * @param file name used in messages
 * @throws NodebuildError NODEFILE_SYNTAX, located
 */
export function parseText(text: string, file: string): NodefileText {
	return new TextParser({ file, text }).parse();
}

class TextParser {
	readonly #source: Source;
	readonly #lines: readonly Line[];
	readonly #directives = new DirectiveReader();
	readonly #nodes: InstructionNode[] = [];
	readonly #warnings: LintWarning[] = [];
	#comments: string[] = [];
	/** Index of the next physical line. */
	#next = 0;

	constructor(source: Source) {
		this.#source = source;
		this.#lines = splitLines(source.file, source.text);
	}

	parse(): NodefileText {
		for (let line = this.#take(); line !== undefined; line = this.#take()) this.#statement(line);
		if (this.#nodes.length === 0) throw noInstructions(this.#source);
		return {
			...this.#source,
			directives: this.#directives.directives,
			nodes: this.#nodes,
			warnings: this.#warnings,
		};
	}

	#take(): Line | undefined {
		return this.#lines[this.#next++];
	}

	/** A blank line, a comment, a directive, or an instruction with all its lines. */
	#statement(first: Line): void {
		const text = trimStart(first.text);
		const directive = this.#at(first.number, () => this.#directives.accept(text));
		if (directive) return;
		if (text.startsWith("#")) {
			const comment = trimSpace(text.slice(1));
			this.#comments = comment === "" ? [] : [...this.#comments, comment];
			return;
		}
		if (text === "") {
			this.#comments = [];
			return;
		}
		const line = this.#logicalLine(text, this.#directives.escape);
		const draft = this.#at(first.number, () => readInstruction(line, this.#directives.escape));
		const heredocs = this.#heredocs(draft, first);
		this.#nodes.push(this.#place(draft, this.#rangeFrom(first), heredocs, this.#comments));
		this.#comments = [];
	}

	/** Joins the lines that `first` continues on; comments and empty lines among them vanish. */
	#logicalLine(first: string, token: Escape): string {
		let { text, continued } = cutContinuation(first, token);
		let empty: Line | undefined;
		while (continued) {
			const line = this.#take();
			if (line === undefined) break;
			const bare = trimStart(line.text);
			if (bare.startsWith("#")) continue;
			if (bare === "") {
				empty ??= line;
				continue;
			}
			const part = cutContinuation(line.text, token);
			text += part.text;
			continued = part.continued;
		}
		if (empty !== undefined) this.#warnings.push(emptyContinuation(this.#source, empty, text));
		return text;
	}

	#heredocs(draft: Draft, first: Line): Heredoc[] {
		if (!canHoldHeredoc(draft) || !draft.original.includes("<<")) return [];
		return this.#at(first.number, () => heredocReferences(draft.original)).map((reference) => {
			const found = readHeredoc(reference, this.#lines, this.#next);
			if (found === undefined) throw unterminated(this.#source, first, reference.name);
			this.#next = found.next;
			return found.heredoc;
		});
	}

	#rangeFrom(first: Line): Range {
		const last = this.#lines[Math.min(this.#next, this.#lines.length) - 1] ?? first;
		return {
			startLine: first.number,
			startColumn: first.text.length - trimStart(first.text).length,
			endLine: last.number,
			endColumn: last.text.length,
		};
	}

	#place(draft: Draft, range: Range, heredocs: readonly Heredoc[], comments: readonly string[]): InstructionNode {
		const { trigger, ...own } = draft;
		const source = this.#source;
		let ranges: readonly (Range | undefined)[] | undefined;
		return {
			...own,
			heredocs,
			...(trigger === undefined ? {} : { trigger: this.#place(trigger, range, [], []) }),
			range,
			get argRanges() {
				ranges ??= argumentRanges(source, range, own.args);
				return ranges;
			},
			comments,
		};
	}

	/** Runs `read`, and gives its errors the place of a line. */
	#at<Result>(line: number, read: () => Result): Result {
		try {
			return read();
		} catch (error) {
			if (!(error instanceof NodebuildError)) throw error;
			throw asSyntaxError(error).located(locate(this.#source, rangeOfLine(this.#source, line)));
		}
	}
}

/** An error of a word is an error of the text when the text cannot be split without it. */
function asSyntaxError(error: NodebuildError): NodebuildError {
	if (error.code !== "NODEFILE_INVALID") return error;
	const { message, hint, cause } = error;
	return new NodebuildError({ code: "NODEFILE_SYNTAX", message, ...(hint === undefined ? {} : { hint }), cause });
}

function readInstruction(line: string, token: Escape, depth = 0): Draft {
	const { keyword: written, flags, rest } = splitCommand(line);
	const keyword = written.replace(/[a-z]/g, (letter) => letter.toUpperCase());
	const draft = { keyword, flags, original: line };
	if (keyword !== "ONBUILD") return { ...draft, ...splitArguments(keyword, rest, token) };
	if (rest === "") return { ...draft, args: [], json: false };
	if (depth === MAX_TRIGGER_DEPTH) {
		throw new NodebuildError({
			code: "NODEFILE_SYNTAX",
			message: "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
			hint: "Write ONBUILD once, then the instruction.",
		});
	}
	return { ...draft, args: [], json: false, trigger: readInstruction(rest, token, depth + 1) };
}

function canHoldHeredoc(draft: Draft): boolean {
	const { keyword, json } = draft.keyword === "ONBUILD" ? (draft.trigger ?? draft) : draft;
	return !json && isKeyword(keyword) && ["RUN", "COPY", "ADD"].includes(keyword);
}

/** An escape character at the end, perhaps with blanks behind it, continues the line; an escaped one does not. */
function cutContinuation(text: string, token: Escape): { text: string; continued: boolean } {
	let end = text.length;
	while (end > 0 && " \t".includes(text.charAt(end - 1))) end--;
	const continued = end > 0 && text[end - 1] === token && text[end - 2] !== token;
	return continued ? { text: text.slice(0, end - 1), continued } : { text, continued };
}

function emptyContinuation(source: Source, line: Line, joined: string): LintWarning {
	return {
		rule: "NoEmptyContinuation",
		message: `Empty continuation line found in: ${joined}`,
		range: rangeOfLine(source, line.number),
	};
}

function unterminated(source: Source, first: Line, name: string): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: `unterminated heredoc: expected a line that is ${JSON.stringify(name)} alone, got the end of the file`,
		hint: `End the heredoc with a line ${name}, without blanks before or after it.`,
		at: locate(source, rangeOfLine(source, first.number)),
	});
}

function noInstructions(source: Source): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: "file with no instructions",
		hint: "A Nodefile begins with FROM, for example: FROM debian:12",
		at: locate(source, rangeOfLine(source, 1)),
	});
}
