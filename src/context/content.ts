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

/** A stretch of a file, in bytes. */
export interface Run {
	readonly offset: number;
	readonly length: number;
}

/** The last piece comes after the file was found unchanged: what ended well has the right content. */
async function* piecesOf(entry: CopyEntry, handle: FileHandle, runs: readonly Run[]): AsyncGenerator<Buffer> {
	expectSame(entry, await handle.stat({ bigint: true }));
	for (const run of runs) {
		const end = run.offset + run.length;
		for (let at = run.offset; at < end; ) {
			const piece = Buffer.allocUnsafe(Math.min(PIECE, end - at));
			const { bytesRead } = await handle.read(piece, 0, piece.length, at);
			at += bytesRead;
			const isLast = at === end && run === runs.at(-1);
			if (isLast || bytesRead === 0) expectSame(entry, await handle.stat({ bigint: true }));
			if (bytesRead === 0) throw changed(entry);
			yield piece.subarray(0, bytesRead);
		}
	}
}

/** The content of one file entry, for an archive that the guest unpacks; fails as `copyStream` does. */
export function contentStream(entry: CopyEntry): Readable {
	return Readable.from(contentOf(entry), { objectMode: false, highWaterMark: PIECE });
}

/** In pieces; only these stretches of it, where they are given. @throws NodebuildError COPY_FAILED */
export async function* contentOf(entry: CopyEntry, runs?: readonly Run[]): AsyncGenerator<Uint8Array> {
	if (entry.content !== undefined) {
		yield entry.content;
		return;
	}
	yield* opened(entry, (handle) => piecesOf(entry, handle, runs ?? [{ offset: 0, length: entry.size }]));
}

/** A hole is worth its line in the archive from here on. */
const HOLE = 32 * 1024;
const ZEROS = Buffer.alloc(HOLE);

/**
 * Where a file with holes has data, in order; undefined for a file without. Node cannot ask the system for holes: the
 * content of a file that takes less room than its size says is looked through for zeros.
 */
export async function dataRuns(entry: CopyEntry): Promise<readonly Run[] | undefined> {
	const runs: { offset: number; length: number }[] = [];
	let offset = 0;
	for await (const piece of opened(entry, (handle) => piecesIfSparse(entry, handle))) {
		for (let at = 0; at < piece.length; at += HOLE) {
			const block = piece.subarray(at, at + HOLE);
			if (block.equals(ZEROS.subarray(0, block.length))) continue;
			const last = runs.at(-1);
			if (last !== undefined && last.offset + last.length === offset + at) last.length += block.length;
			else runs.push({ offset: offset + at, length: block.length });
		}
		offset += piece.length;
	}
	const data = runs.reduce((sum, { length }) => sum + length, 0);
	return offset === 0 || data === entry.size ? undefined : runs;
}

async function* piecesIfSparse(entry: CopyEntry, handle: FileHandle): AsyncGenerator<Buffer> {
	const { blocks, size } = await handle.stat({ bigint: true });
	if (blocks * 512n < size) yield* piecesOf(entry, handle, [{ offset: 0, length: entry.size }]);
}

async function* opened<T>(entry: CopyEntry, read: (handle: FileHandle) => AsyncGenerator<T>): AsyncGenerator<T> {
	let handle: FileHandle | undefined;
	try {
		handle = await open(entry.source, "r");
		yield* read(handle);
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
