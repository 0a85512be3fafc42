/** Ignore files: which there may be, and what is in them (moby/patternmatcher/ignorefile). Pure. */
import { NodebuildError } from "../errors.ts";
import { cleanPath } from "./match.ts";
import { PatternError, PatternList } from "./patterns.ts";

interface IgnoreLine {
	/** 1-based. */
	readonly line: number;
	readonly text: string;
	readonly pattern: string;
}

/** The rules of one ignore file. */
export interface IgnoreRules {
	readonly list: PatternList;
	/** "line 3 of .dockerignore (*.log)" for the pattern that excludes a path; undefined: it is not excluded. */
	readonly explain: (path: string) => string | undefined;
}

/** Where ignore files may lie, best first: next to the Nodefile under its name, then in the context. */
export function ignoreFileCandidates(nodefilePath: string, contextDir: string): readonly string[] {
	const dir = contextDir.replace(/\/+$/, "");
	return [`${nodefilePath}.dockerignore`, `${nodefilePath}.nodeignore`, `${dir}/.nodeignore`, `${dir}/.dockerignore`];
}

/**
 * Read an ignore file's text: a comment has its "#" in the first column; blanks around a pattern and a leading "/"
 * do not count.
 * @throws NodebuildError CONTEXT_INVALID at the line of a bad pattern.
 */
export function parseIgnoreFile(text: string, file: string): IgnoreRules {
	const lines = linesOf(text);
	try {
		const list = new PatternList(lines.map((line) => line.pattern));
		return { list, explain: (path) => explain(list, lines, file, path) };
	} catch (error) {
		if (!(error instanceof PatternError)) throw error;
		const line = lines[error.index];
		throw new NodebuildError({
			code: "CONTEXT_INVALID",
			message: `expected a pattern, got ${error.message}`,
			hint: "correct or remove this line; patterns are those of .dockerignore files",
			...(line === undefined ? {} : { at: { file, line: line.line, column: 1, text: line.text } }),
			cause: error,
		});
	}
}

function linesOf(text: string): readonly IgnoreLine[] {
	return text
		.replace(/^\ufeff/, "")
		.split("\n")
		.flatMap((raw, i) => {
			const line = raw.replace(/\r$/, "");
			const pattern = line.startsWith("#") ? "" : patternOf(line.trim());
			return pattern === "" ? [] : [{ line: i + 1, text: line, pattern }];
		});
}

function patternOf(trimmed: string): string {
	if (trimmed === "") return "";
	const inverted = trimmed.startsWith("!");
	const bare = inverted ? trimmed.slice(1).trim() : trimmed;
	if (bare === "") return "!";
	const cleaned = cleanPath(bare);
	const relative = cleaned.length > 1 && cleaned.startsWith("/") ? cleaned.slice(1) : cleaned;
	return inverted ? `!${relative}` : relative;
}

function explain(list: PatternList, lines: readonly IgnoreLine[], file: string, path: string): string | undefined {
	const result = list.walk(path);
	const line = result.decidedBy === undefined ? undefined : lines[result.decidedBy];
	return result.matched && line !== undefined ? `line ${line.line} of ${file} (${line.text.trim()})` : undefined;
}
