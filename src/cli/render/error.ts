/** What a user sees of an error: code and message, the place with its line, the last output, what to do. */
import { messageOf, NodebuildError, type SourceLocation } from "../../errors.ts";
import { cleanLine } from "./lines.ts";

export interface ErrorView {
	readonly color: boolean;
	/** NODEBUILD_DEBUG: causes and traces too. */
	readonly debug: boolean;
}

/** What to do about anything that is no NodebuildError. */
export const DEFECT =
	"this is a defect of nodebuild, not of your Nodefile; please report it\nwith the trace that NODEBUILD_DEBUG=1 shows";

export type Paint = (code: string, text: string) => string;

export function painter(color: boolean): Paint {
	return (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
}

/** Text ending in a line break, for standard error. */
export function renderError(error: unknown, view: ErrorView): string {
	const paint = painter(view.color);
	const lines = error instanceof NodebuildError ? known(error, paint) : unexpected(error, view, paint);
	if (view.debug) lines.push(...trace(error));
	return `${lines.join("\n")}\n`;
}

function known(error: NodebuildError, paint: Paint): string[] {
	const lines = [`${paint("1;31", `error[${error.code}]`)}: ${error.message}`];
	if (error.at !== undefined) lines.push(...place(error.at, paint));
	if (error.details.length > 0) lines.push("------", ...error.details.flatMap(splitLines).map(cleanLine), "------");
	if (error.hint !== undefined) lines.push(...hint(error.hint, paint));
	return lines;
}

function splitLines(text: string): string[] {
	return text.replace(/\n$/, "").split("\n");
}

/** rustc's frame: where, the line, what of it. */
export function place(at: SourceLocation, paint: Paint): string[] {
	const number = String(at.line);
	const gutter = " ".repeat(number.length);
	const lines = [`${gutter}${paint("1;34", "-->")} ${oneName(at.file)}:${at.line}:${at.column}`];
	if (at.text === "") return lines;
	const bar = paint("1;34", "|");
	const text = at.text.replace(CONTROL, "\ufffd");
	const before = text.slice(0, at.column - 1).replace(/[^\t]/g, " ");
	const room = Math.max(1, text.length - at.column + 1);
	const carets = "^".repeat(Math.min(Math.max(1, at.length ?? 1), room));
	lines.push(`${gutter} ${bar}`, `${paint("1;34", number)} ${bar} ${text}`);
	lines.push(`${gutter} ${bar} ${before}${paint("1;31", carets)}`);
	return lines;
}

/** What would move the cursor of a terminal, or change its state; each is one column wide here. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that are looked for
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/g;

/** A file's name on one line, whatever is in it. */
function oneName(file: string): string {
	return file.replace(CONTROL, (control) => JSON.stringify(control).slice(1, -1));
}

function hint(text: string, paint: Paint): string[] {
	const [first = "", ...rest] = splitLines(text);
	return [`${paint("1;36", "hint")}: ${first}`, ...rest.map((line) => `      ${line}`)];
}

function unexpected(error: unknown, view: ErrorView, paint: Paint): string[] {
	const lines = [`${paint("1;31", "error[INTERNAL]")}: ${messageOf(error)}`];
	const [first = "", second = ""] = splitLines(DEFECT);
	lines.push(...hint(view.debug ? first : `${first}\n${second}`, paint));
	return lines;
}

/** Where the defect shows itself, and its causes, one text each. */
export function trace(error: unknown): string[] {
	const lines: string[] = [];
	for (let at = error, depth = 0; at !== undefined && depth < 10; depth++) {
		const text = at instanceof Error ? (at.stack ?? at.message) : String(at);
		lines.push(`${depth === 0 ? "trace" : "caused by"}: ${text}`);
		at = at instanceof Error ? at.cause : undefined;
	}
	return lines;
}
