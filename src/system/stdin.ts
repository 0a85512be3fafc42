/** Standard input as a whole: it can be read once, so the first reader's text is everybody's. */
import { openSync } from "node:fs";
import { text } from "node:stream/consumers";
import { addAbortSignal } from "node:stream";
import { ReadStream } from "node:tty";

let read: Promise<string> | undefined;

/** @throws Error when it cannot be read, or the signal fires first. */
export function readStdin(signal: AbortSignal): Promise<string> {
	read ??= text(addAbortSignal(signal, process.stdin));
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
