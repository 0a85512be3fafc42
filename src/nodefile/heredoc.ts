/**
 * Heredocs: which words of a line are `<<EOF`, and the bodies that follow it.
 * Rules: moby/buildkit frontend/dockerfile/parser/parser.go (heredocsFromLine, heredocFromMatch).
 */
import { NodebuildError } from "../errors.ts";
import type { Line } from "./lines.ts";
import type { Heredoc } from "./types.ts";
import { processWords } from "./words.ts";

/** What `<<EOF` alone tells; the body is found below the line. */
export type HeredocReference = Omit<Heredoc, "content" | "raw">;

const REFERENCE = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/;

const noVariables = () => undefined;

/** Heredocs are read with the backslash as escape, whatever the escape directive says. */
const AS_WRITTEN = { escape: "\\", keepUnset: true } as const;

/**
 * The heredoc that a word of COPY or ADD, or a whole RUN command, refers to; undefined when it is none.
 * Quoting any part of the name turns expansion off, as in sh.
 */
export function parseHeredocReference(word: string): HeredocReference | undefined {
	try {
		return readReference(word);
	} catch (error) {
		// A word with an unbalanced quote is a plain word here, as it is to BuildKit.
		if (error instanceof NodebuildError) return undefined;
		throw error;
	}
}

function readReference(word: string): HeredocReference | undefined {
	const match = REFERENCE.exec(word);
	const rest = match?.[3] ?? "";
	if (match === null || rest === "") return undefined;
	const names = processWords(rest, noVariables, AS_WRITTEN);
	const [name] = names;
	if (names.length !== 1 || name === undefined) return undefined;
	const [quoted = ""] = processWords(rest, noVariables, { ...AS_WRITTEN, rawQuotes: true });
	return {
		name,
		fd: Math.min(Number(match[1]), Number.MAX_SAFE_INTEGER),
		expand: countQuotes(name) === countQuotes(quoted),
		chomp: match[2] === "-",
	};
}

function countQuotes(text: string): number {
	return text.replace(/[^'"]/g, "").length;
}

/**
 * The heredocs that a logical line announces, in order.
 * @throws NodebuildError NODEFILE_INVALID when the name of one has unbalanced quotes or braces
 */
export function heredocReferences(line: string): HeredocReference[] {
	let words: string[];
	try {
		words = processWords(line, noVariables, { ...AS_WRITTEN, rawQuotes: true, rawEscapes: true });
	} catch (error) {
		// What is not a list of words to BuildKit may still be one to the guest's shell; it holds no heredoc.
		if (error instanceof NodebuildError) return [];
		throw error;
	}
	return words.map(readReference).filter((reference) => reference !== undefined);
}

/** Removes the tabs at the beginning of every line (`<<-`). */
export function chompHeredoc(content: string): string {
	return content.replace(/^\t+/gm, "");
}

/**
 * Reads one body from `lines`, beginning at index `start`.
 * @returns the heredoc and the index after its terminator, or undefined when there is no terminator.
 */
export function readHeredoc(
	reference: HeredocReference,
	lines: readonly Line[],
	start: number,
): { heredoc: Heredoc; next: number } | undefined {
	let raw = "";
	for (let index = start; ; index++) {
		const line = lines[index];
		if (line === undefined) return undefined;
		const candidate = reference.chomp ? line.text.replace(/^\t+/, "") : line.text;
		if (candidate === reference.name) {
			const content = reference.chomp ? chompHeredoc(raw) : raw;
			return { heredoc: { ...reference, content, ...(content === raw ? {} : { raw }) }, next: index + 1 };
		}
		raw += line.text + line.ending;
	}
}
