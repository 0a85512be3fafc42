/** Standard input as a whole: it can be read once, so the first reader's text is everybody's. */
import { openSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import { ReadStream } from "node:tty";
import { readUpTo } from "./files.ts";

let read: Promise<Buffer | undefined> | undefined;

/** Undefined when there is more of it than `most` bytes. @throws Error when it cannot be read, or the signal fires first. */
export function readStdin(signal: AbortSignal, most: number): Promise<Buffer | undefined> {
	read ??= readUpTo(addAbortSignal(signal, process.stdin), most);
	return read;
}

/** Where a person types: standard input, or the terminal itself where that has been read to its end for something else. */
export function typedInput(): NodeJS.ReadStream {
	if (read === undefined) return process.stdin;
	try {
		return new ReadStream(openSync("/dev/tty", "r"));
	} catch {
		return process.stdin;
	}
}
