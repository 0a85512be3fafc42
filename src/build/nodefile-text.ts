/** The text of a Nodefile, from a file or standard input: bytes that are text, and not without end. */
import { isUtf8 } from "node:buffer";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { messageOf, NodebuildError } from "../errors.ts";
import { parseText } from "../nodefile/index.ts";
import { locate } from "../nodefile/locate.ts";
import type { InstructionNode } from "../nodefile/types.ts";
import { formatBytes, readUpTo } from "../system/files.ts";
import { readStdin } from "../system/stdin.ts";
import type { BuildOptions } from "./types.ts";

/** Bytes; BuildKit's frontend gets the text in one gRPC message, of at most so much. */
const LARGEST = 16 * 2 ** 20;

/** `-` is standard input. @throws NodebuildError NODEFILE_NOT_FOUND, NODEFILE_SYNTAX */
export async function readNodefile(options: Pick<BuildOptions, "nodefile" | "signal">): Promise<string> {
	const { nodefile: path } = options;
	const bytes = await readBytes(options);
	if (bytes === undefined) throw endless(path);
	const text = bytes.toString("utf8");
	// The byte order marks of UTF-16, read as UTF-8.
	if (text.startsWith("\uFFFD\uFFFD")) throw utf16(path);
	refuseBytes(bytes, text, path);
	return text;
}

async function readBytes({
	nodefile: path,
	signal,
}: Pick<BuildOptions, "nodefile" | "signal">): Promise<Buffer | undefined> {
	try {
		if (path === "-") return await readStdin(signal, LARGEST);
		// A pipe or device has no size, may have no end, and may let us wait.
		const found = statSync(path);
		if (!found.isFile()) return await readUpTo(createReadStream(path, { signal }), LARGEST);
		return found.size > LARGEST ? undefined : readFileSync(path);
	} catch (cause) {
		throw new NodebuildError({
			code: "NODEFILE_NOT_FOUND",
			message: `the Nodefile ${path} cannot be read: ${messageOf(cause)}`,
			hint: "name it with -f, e.g. nodebuild -f Nodefile.worker",
			cause,
		});
	}
}

function endless(path: string): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: `expected ${path} to be a text of at most ${formatBytes(LARGEST)}, got more`,
		hint: "is it the right file? what a machine needs much of comes with COPY",
	});
}

function utf16(path: string): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: `expected ${path} to be text in UTF-8, got UTF-16`,
		hint: `save it as UTF-8: iconv -f UTF-16 -t UTF-8 ${path}`,
	});
}

/**
 * What is not UTF-8, or NUL, in an instruction: BuildKit cannot send the one to its worker, nor can Linux hand the other
 * to a program. In comments neither does harm, nor NUL in LABEL and in the files of COPY.
 */
function refuseBytes(bytes: Buffer, text: string, file: string): void {
	const wellFormed = isUtf8(bytes);
	if (wellFormed && !text.includes("\0")) return;
	const source = { file, text };
	const lines = text.split("\n");
	const bad = wellFormed ? new Set<number>() : linesNotUtf8(bytes);
	for (const node of parseText(text, file).nodes) {
		const { startLine, endLine } = node.range;
		for (let line = startLine; line <= endLine; line++) {
			const shown = lines[line - 1] ?? "";
			if (line > startLine && shown.trimStart().startsWith("#") && node.heredocs.length === 0) continue;
			const nul = shown.includes("\0") && takesNoNul(node);
			if (!bad.has(line) && !nul) continue;
			const column = shown.search(nul ? "\0" : "\uFFFD");
			const place = { startLine: line, startColumn: column, endLine: line, endColumn: column + 1 };
			throw (nul ? withNul() : notUtf8(file)).located(locate(source, place));
		}
	}
}

function takesNoNul({ keyword, heredocs }: InstructionNode): boolean {
	return keyword !== "LABEL" && !(heredocs.length > 0 && keyword !== "RUN");
}

/** From 1. A line feed is never a part of another character. */
function linesNotUtf8(bytes: Buffer): Set<number> {
	const found = new Set<number>();
	for (let line = 1, start = 0; start < bytes.length; line++) {
		const feed = bytes.indexOf(0x0a, start);
		const end = feed < 0 ? bytes.length : feed + 1;
		if (!isUtf8(bytes.subarray(start, end))) found.add(line);
		start = end;
	}
	return found;
}

function notUtf8(file: string): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: "expected text in UTF-8, got other bytes",
		hint: `save it as UTF-8, e.g. iconv -f ISO-8859-1 -t UTF-8 ${file}`,
	});
}

function withNul(): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: "expected text, got a NUL character, which no program can be given",
		hint: "remove it; a program can make one itself: printf '\\\\0'",
	});
}
