/**
 * Directives (`# escape=`, `# syntax=`, `# check=`): comments before anything else in a Nodefile.
 * Rules: moby/buildkit frontend/dockerfile/parser/directives.go. `# nodebuild=` is ours; docker reads it as a comment.
 */
import { NodebuildError } from "../errors.ts";
import { trimStart } from "./space.ts";
import type { Directives } from "./types.ts";

const NAME = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=([\s\S]*)$/;

type DirectiveName = keyof Directives;

function isDirective(name: string): name is DirectiveName {
	return name === "escape" || name === "syntax" || name === "check" || name === "nodebuild";
}

/** Reads directives line by line, until the first line that is none. */
export class DirectiveReader {
	readonly #seen: { escape?: "\\" | "`"; syntax?: string; check?: string; nodebuild?: string } = {};
	#done = false;

	/**
	 * Takes one line, leading white space already removed; true when it is a directive.
	 * @throws NodebuildError NODEFILE_SYNTAX, without a place, for a repeated or invalid directive
	 */
	accept(line: string): boolean {
		if (this.#done) return false;
		const found = readDirective(line);
		if (found === undefined) {
			this.#done = true;
			return false;
		}
		const { name, value } = found;
		if (this.#seen[name] !== undefined) {
			throw new NodebuildError({
				code: "NODEFILE_SYNTAX",
				message: `only one ${name} parser directive can be used`,
				hint: `Remove one of the # ${name}= lines.`,
			});
		}
		if (name === "escape") this.#seen.escape = escapeToken(value);
		else this.#seen[name] = value;
		return true;
	}

	get escape(): "\\" | "`" {
		return this.#seen.escape ?? "\\";
	}

	get directives(): Directives {
		return { ...this.#seen, escape: this.escape };
	}
}

function readDirective(line: string): { name: DirectiveName; value: string } | undefined {
	if (!line.startsWith("#")) return undefined;
	const match = NAME.exec(trimStart(line.slice(1)));
	const name = match?.[1]?.toLowerCase() ?? "";
	const rest = match?.[2] ?? "";
	if (rest === "" || !isDirective(name)) return undefined;
	const value = trimBlanks(rest);
	// BuildKit's expression wants one character at least and takes a blank when there is nothing else.
	return { name, value: value === "" ? rest.slice(-1) : value };
}

/** Trims what Go's `\\s` matches. */
function trimBlanks(text: string): string {
	let start = 0;
	let end = text.length;
	while (start < end && "\t\n\f\r ".includes(text.charAt(start))) start++;
	while (end > start && "\t\n\f\r ".includes(text.charAt(end - 1))) end--;
	return text.slice(start, end);
}

function escapeToken(value: string): "\\" | "`" {
	if (value === "\\" || value === "`") return value;
	throw new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: `invalid escape token '${value}' does not match \` or \\`,
		hint: "Write # escape=` or # escape=\\, or remove the line.",
	});
}
