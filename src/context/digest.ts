/** Content digests of the context's files, read only when the stat cache does not know them. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { StatCache } from "./cache.ts";
import type { FoundEntry } from "./collect.ts";
import { type Breather, stampOf, unreadable } from "./scan.ts";

/** Read in one go up to this; larger files in pieces, a few files at a time. */
const SMALL = 128 * 1024;
const PIECE = 1024 * 1024;
const CONCURRENCY = 4;
/** A file that is being written to is tried again this often. */
const ATTEMPTS = 3;

/** A digest, and the size and stamp that belong to it, which are newer than asked for when the file just changed. */
interface FileDigest {
	readonly digest: Digest;
	readonly size: number;
	readonly stamp: string;
}

/**
 * Give the files among what was found their digests.
 * @throws NodebuildError CONTEXT_INVALID for a file that cannot be read or does not hold still.
 */
export async function digestFiles(
	found: readonly FoundEntry[],
	cache: StatCache | undefined,
	breather: Breather,
): Promise<void> {
	const large: FoundEntry[] = [];
	const keep = ({ node, entry }: FoundEntry, result: FileDigest): void => {
		entry.digest = result.digest;
		entry.size = result.size;
		entry.stamp = result.stamp;
		cache?.set(node.path, result.stamp, result.digest);
	};
	for (const file of found) {
		const { node, entry } = file;
		if (entry.type !== "file" || entry.hardLink !== undefined) continue;
		if (breather.due()) await breather.breathe();
		const known = cache?.get(node.path, node.stamp);
		if (known !== undefined) entry.digest = known;
		else if (entry.size > SMALL) large.push(file);
		else
			keep(
				file,
				settle(file, () => readSmall(entry.source)),
			);
	}
	const queue = large.values();
	const worker = async (): Promise<void> => {
		for (const file of queue) keep(file, await readSettled(file));
	};
	await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

/** The same status before and after reading means that what was read is one state of the file. */
interface Reading extends FileDigest {
	readonly stable: boolean;
}

function settle(file: FoundEntry, read: () => Reading): FileDigest {
	for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
		const reading = guard(file, read);
		if (reading.stable) return reading;
	}
	throw restless(file);
}

async function readSettled(file: FoundEntry): Promise<FileDigest> {
	for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
		const reading = await readLarge(file.entry.source).catch((error: unknown) => {
			throw unreadable(file.node.path, "read", error);
		});
		if (reading.stable) return reading;
	}
	throw restless(file);
}

function guard<T>(file: FoundEntry, read: () => T): T {
	try {
		return read();
	} catch (error) {
		throw unreadable(file.node.path, "read", error);
	}
}

function restless({ node }: FoundEntry): NodebuildError {
	return new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `expected ${node.path} to hold still while it is read, but it changed ${ATTEMPTS} times`,
		hint: "wait until whatever writes it is done, or name it in the ignore file",
	});
}

const buffer = Buffer.allocUnsafe(SMALL + 1);

function readSmall(path: string): Reading {
	const fd = openSync(path, "r");
	try {
		const before = fstatSync(fd, { bigint: true });
		let length = 0;
		for (;;) {
			const read = readSync(fd, buffer, length, buffer.length - length, null);
			length += read;
			if (read === 0 || length === buffer.length) break;
		}
		const digest: Digest = `sha256:${createHash("sha256").update(buffer.subarray(0, length)).digest("hex")}`;
		return reading(digest, length, stampOf(before), stampOf(fstatSync(fd, { bigint: true })), before.size);
	} finally {
		closeSync(fd);
	}
}

async function readLarge(path: string): Promise<Reading> {
	const handle = await open(path, "r");
	try {
		return await readHandle(handle);
	} finally {
		await handle.close();
	}
}

async function readHandle(handle: FileHandle): Promise<Reading> {
	const before = await handle.stat({ bigint: true });
	const hash = createHash("sha256");
	const piece = Buffer.allocUnsafe(PIECE);
	let length = 0;
	for (;;) {
		const { bytesRead } = await handle.read(piece, 0, PIECE, null);
		if (bytesRead === 0) break;
		hash.update(piece.subarray(0, bytesRead));
		length += bytesRead;
	}
	const after = await handle.stat({ bigint: true });
	return reading(`sha256:${hash.digest("hex")}`, length, stampOf(before), stampOf(after), before.size);
}

function reading(digest: Digest, size: number, before: string, after: string, expected: bigint): Reading {
	return { digest, size, stamp: before, stable: before === after && BigInt(size) === expected };
}
