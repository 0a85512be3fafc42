/** The content of the context's files, which must still be what was digested. */
import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { messageOf, NodebuildError } from "../errors.ts";
import { stampOf } from "./scan.ts";
import type { CopyEntry } from "./types.ts";

/** Bytes read at a time. */
export const PIECE = 1024 * 1024;

/** For small files: all of it in one go. @throws NodebuildError COPY_FAILED */
export function readWhole(entry: CopyEntry): Buffer {
	let fd: number | undefined;
	try {
		fd = openSync(entry.source, "r");
		expectSame(entry, fstatSync(fd, { bigint: true }));
		const content = Buffer.allocUnsafe(entry.size);
		let length = 0;
		while (length < entry.size) {
			const read = readSync(fd, content, length, entry.size - length, null);
			if (read === 0) break;
			length += read;
		}
		expectSame(entry, fstatSync(fd, { bigint: true }));
		return content;
	} catch (error) {
		throw failure(entry, error);
	} finally {
		if (fd !== undefined) closeSync(fd);
	}
}

/** The last piece comes after the file was found unchanged: what ended well has the right content. */
async function* piecesOf(entry: CopyEntry, handle: FileHandle): AsyncGenerator<Buffer> {
	expectSame(entry, await handle.stat({ bigint: true }));
	for (let left = entry.size; left > 0; ) {
		const piece = Buffer.allocUnsafe(Math.min(PIECE, left));
		const { bytesRead } = await handle.read(piece, 0, piece.length, null);
		left -= bytesRead;
		if (left === 0 || bytesRead === 0) expectSame(entry, await handle.stat({ bigint: true }));
		if (bytesRead === 0) throw changed(entry);
		yield piece.subarray(0, bytesRead);
	}
}

/** The content of one file entry, for an archive that the guest unpacks; fails as `copyStream` does. */
export function contentStream(entry: CopyEntry): Readable {
	return Readable.from(contentOf(entry), { objectMode: false, highWaterMark: PIECE });
}

/** In pieces. @throws NodebuildError COPY_FAILED */
export async function* contentOf(entry: CopyEntry): AsyncGenerator<Uint8Array> {
	if (entry.content !== undefined) {
		yield entry.content;
		return;
	}
	let handle: FileHandle | undefined;
	try {
		handle = await open(entry.source, "r");
		yield* piecesOf(entry, handle);
	} catch (error) {
		throw failure(entry, error);
	} finally {
		await handle?.close();
	}
}

function expectSame(entry: CopyEntry, stats: BigIntStats): void {
	if (entry.stamp !== undefined && stampOf(stats) !== entry.stamp) throw changed(entry, stats);
}

function changed(entry: CopyEntry, stats?: BigIntStats): NodebuildError {
	const got = stats === undefined || stats.size === BigInt(entry.size) ? "another state" : `${stats.size} bytes`;
	return new NodebuildError({
		code: "COPY_FAILED",
		message: `${entry.source} changed while it was copied: expected the ${entry.size} bytes seen before, got ${got}`,
		hint: "build again when whatever writes this file is done, or exclude it in the ignore file",
	});
}

function failure(entry: CopyEntry, error: unknown): Error {
	if (error instanceof NodebuildError) return error;
	return new NodebuildError({
		code: "COPY_FAILED",
		message: `cannot read ${entry.source}: ${messageOf(error)}`,
		hint: "it could be read when the build began; build again",
		cause: error,
	});
}
