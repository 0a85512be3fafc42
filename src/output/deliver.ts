/** How every format's file comes to be: through a temporary name beside it, whole or not at all. */
import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { messageOf, NodebuildError } from "../errors.ts";
import { dataOf } from "../layers/qcow2.ts";
import {
	diskFullError,
	diskUsage,
	fsyncDir,
	fsyncFile,
	isErrno,
	makeFolder,
	removeStaleTemps,
	tempBeside,
	writeFileAtomic,
} from "../system/files.ts";
import type { OutputRequest, OutputResult, Progress } from "./types.ts";

/** Options that every format has. */
export const COMMON_OPTIONS = { sha256: "write dest.sha256 beside the file (default true)" } as const;
export const COMMON_VALUES: { readonly sha256: readonly ["true", "false"] } = { sha256: ["true", "false"] };

/** Of the whole, what writing takes; the rest is reading it again for the digest. */
const WRITING = 0.8;
const READ_SIZE = 1024 * 1024;
/** Bytes of zeros that take some hundredths of a second. */
const BREATH = 32 * READ_SIZE;

export interface Delivery {
	readonly request: OutputRequest;
	/** Bytes of the virtual disk, for the progress. */
	readonly total: number;
	readonly progress: Progress;
	readonly signal?: AbortSignal;
	/** Bytes that the file takes at most, asked for only when the disk was too small for it. */
	readonly needed: () => Promise<number>;
	/** Write the file under the name `temp`; reports its share done, 0 to 1. */
	readonly produce: (temp: string, onProgress: (share: number) => void) => Promise<void>;
}

const NOTHING_LEFT = "nothing was left at that path; the image itself is safe in the store (nodebuild images)";
const ANOTHER_FOLDER = "name a file in a folder that you may write to; nothing was written";

function failed(dest: string, cause: unknown, hint = NOTHING_LEFT): NodebuildError {
	if (cause instanceof NodebuildError && cause.code !== "STORE_INVALID") return cause;
	return new NodebuildError({
		code: "OUTPUT_FAILED",
		message: `the image could not be written to ${dest}: ${messageOf(cause)}`,
		hint,
		...(cause instanceof NodebuildError ? { details: cause.details } : {}),
		cause,
	});
}

function isNoFile(dest: string, got: string): NodebuildError {
	return new NodebuildError({
		code: "OUTPUT_FAILED",
		message: `expected dest to be the path of a file to write, got ${got}: ${dest}`,
		hint: "give the file's name too: -o type=qcow2,dest=out/node.qcow2",
	});
}

/**
 * Whether a request's file can be written, as far as that can be known before a build.
 * @throws NodebuildError OUTPUT_FAILED
 */
export async function checkDestination(dest: string): Promise<void> {
	if (dest.endsWith("/")) throw isNoFile(dest, "a folder");
	const path = resolve(dest);
	const found = await stat(path).catch(() => undefined);
	if (found?.isDirectory() === true) throw isNoFile(dest, "a folder");
	if (found !== undefined && !found.isFile()) throw isNoFile(dest, "a device, socket or pipe");
	for (let folder = dirname(path); ; folder = dirname(folder)) {
		try {
			if (!(await stat(folder)).isDirectory()) throw isNoFile(dest, `a path through the file ${folder}`);
			return await access(folder, constants.W_OK);
		} catch (error) {
			if (!isErrno(error, "ENOENT", "ENOTDIR") || folder === dirname(folder)) throw failed(dest, error, ANOTHER_FOLDER);
		}
	}
}

/** A file piece by piece. Holes are not read: the kernel makes pages of zeros for them, which takes longer than their digest. */
async function* piecesOf(path: string, size: number): AsyncIterable<Uint8Array> {
	const zeros = Buffer.alloc(READ_SIZE);
	// What cannot be mapped is read as it is.
	const extents = await dataOf(path).catch(() => [{ start: 0, length: size }]);
	let at = 0;
	for (const { start, length } of [...extents, { start: size, length: 0 }]) {
		for (; at < start; at += READ_SIZE) yield zeros.subarray(0, Math.min(READ_SIZE, start - at));
		at = Math.min(start + length, size);
		if (at > start) yield* createReadStream(path, { start, end: at - 1, highWaterMark: READ_SIZE });
	}
}

async function digestFile(path: string, { total, progress, signal }: Delivery): Promise<string> {
	const { size } = await stat(path);
	const hash = createHash("sha256");
	let read = 0;
	for await (const piece of piecesOf(path, size)) {
		hash.update(piece);
		read += piece.length;
		progress(total * (WRITING + (1 - WRITING) * (read / size)), total);
		// A signal, and what shows the progress, have their turn.
		if (read % BREATH < piece.length) await setImmediate();
		signal?.throwIfAborted();
	}
	return hash.digest("hex");
}

/** A line of sha256sum(1), which marks and escapes names with a line break or a backslash. */
function checksumLine(digest: string, name: string): string {
	const escaped = name.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
	return `${escaped === name ? "" : "\\"}${digest}  ${escaped}\n`;
}

async function write(dest: string, temp: string, delivery: Delivery): Promise<OutputResult> {
	const { request, total, progress, produce } = delivery;
	await produce(temp, (share) => progress(total * WRITING * share, total));
	const wanted = request.options.sha256 !== "false";
	const sha256 = wanted ? await digestFile(temp, delivery) : "";
	delivery.signal?.throwIfAborted();
	await fsyncFile(temp);
	// An older file's digest must not stand beside the new file, not even for a moment.
	await rm(`${dest}.sha256`, { force: true });
	await rename(temp, dest);
	if (wanted) await writeFileAtomic(`${dest}.sha256`, checksumLine(sha256, basename(dest)), { mode: 0o644 });
	await fsyncDir(dirname(dest));
	progress(total, total);
	return { path: dest, size: diskUsage(dest), sha256 };
}

function isFull(error: unknown): boolean {
	return isErrno(error, "ENOSPC", "EDQUOT") || (error instanceof NodebuildError && error.code === "HOST_DISK_FULL");
}

/**
 * Make the file: produced under a temporary name in its folder, digested, on disk, renamed, and its
 * digest written beside it. What killed runs left in that folder is removed first.
 * @throws NodebuildError OUTPUT_FAILED, HOST_DISK_FULL, INTERRUPTED; then nothing of ours is left.
 */
export async function deliver(delivery: Delivery): Promise<OutputResult> {
	const dest = resolve(delivery.request.dest);
	await checkDestination(delivery.request.dest);
	const temp = tempBeside(dest);
	let failure: unknown;
	try {
		await makeFolder(dirname(dest));
		await removeStaleTemps(dirname(dest));
		return await write(dest, temp, delivery);
	} catch (error) {
		failure = error;
	} finally {
		await rm(temp, { force: true });
	}
	if (delivery.signal?.aborted === true) {
		throw new NodebuildError({ code: "INTERRUPTED", message: `writing ${dest} was interrupted`, cause: failure });
	}
	if (!isFull(failure)) throw failed(dest, failure);
	const needed = await delivery.needed();
	throw await diskFullError({ path: dirname(dest), action: `write ${dest}`, needed, cause: failure });
}
