/**
 * Column ranges of arguments, from dockerfile-ast: the only file that knows that package. It tells places and nothing
 * else; where its idea of an instruction is not ours (JSON, heredocs, quotes, continued lines) the text is searched instead.
 * Loading the package takes as long as reading a hundred Nodefiles, so it is loaded when a place is first asked for.
 */
import { createRequire } from "node:module";
import type { Dockerfile } from "dockerfile-ast";
import { lineText, rangeOfText, type Source } from "./locate.ts";
import type { Range } from "./types.ts";

type AstPackage = typeof import("dockerfile-ast");

let loaded: AstPackage | undefined;

function astPackage(): AstPackage {
	// The bundler replaces a plain require() and takes the package along; unbundled, an ES module has none.
	loaded ??=
		typeof require === "function"
			? (require("dockerfile-ast") as AstPackage)
			: (createRequire(import.meta.url)("dockerfile-ast") as AstPackage);
	return loaded;
}

const documents = new WeakMap<Source, Dockerfile>();

function documentOf(source: Source): Dockerfile {
	let document = documents.get(source);
	if (document === undefined) {
		document = astPackage().DockerfileParser.parse(source.text);
		documents.set(source, document);
	}
	return document;
}

/** The range of each argument of the instruction at `range`, where it is known. */
export function argumentRanges(source: Source, range: Range, args: readonly string[]): (Range | undefined)[] {
	return rangesOfAst(source, range, args) ?? rangesBySearch(source, range, args);
}

/** Undefined unless dockerfile-ast sees the same instruction with the same arguments. */
function rangesOfAst(source: Source, range: Range, args: readonly string[]): Range[] | undefined {
	const instruction = documentOf(source)
		.getInstructions()
		.find((candidate) => candidate.getRange().start.line === range.startLine - 1);
	if (instruction === undefined || instruction.getRange().end.line !== range.endLine - 1) return undefined;
	const ranges = instruction.getArguments().map((argument): Range => {
		const { start, end } = argument.getRange();
		return {
			startLine: start.line + 1,
			startColumn: start.character,
			endLine: end.line + 1,
			endColumn: end.character,
		};
	});
	const same = ranges.length === args.length && ranges.every((place, index) => textAt(source, place) === args[index]);
	return same ? ranges : undefined;
}

function textAt(source: Source, range: Range): string | undefined {
	if (range.startLine !== range.endLine) return undefined;
	return lineText(source.text, range.startLine).slice(range.startColumn, range.endColumn);
}

function rangesBySearch(source: Source, range: Range, args: readonly string[]): (Range | undefined)[] {
	const keyword = /^\S*/.exec(lineText(source.text, range.startLine).slice(range.startColumn))?.[0] ?? "";
	let from = { line: range.startLine, column: range.startColumn + keyword.length };
	return args.map((arg) => {
		const found = rangeOfText(source, range, arg, from);
		if (found !== undefined) from = { line: found.endLine, column: found.endColumn };
		return found;
	});
}
