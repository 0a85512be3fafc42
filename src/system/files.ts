/** Files: atomic writes, durability, space. */
import { constants, lstatSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { access, lstat, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { NodebuildError } from "../errors.ts";
import { ownedName, ownerGone, ownerOfName } from "./owner.ts";

/** Whether an error is the system's with this code, as `ENOENT`. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
	return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

/**
 * The text of a small file of ours, undefined where there is none. Synchronous: through Node's thread pool each costs ten
 * times as much, and a build in which nothing changed is little else.
 * @throws Error of the system
 */
export function readText(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
		throw error;
	}
}

/** What a folder holds, in no order; nothing where it is not there or cannot be read. Synchronous, as `readText`. */
export function namesIn(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
}

export async function exists(path: string): Promise<boolean> {
	return access(path, constants.F_OK).then(
		() => true,
		() => false,
	);
}

/**
 * Make a folder with those above it, as mkdir -p. Not by Node's own `recursive`, which tries for ever, deaf to signals,
 * where the system says ENOENT of a folder whose parent is there, as it does below /proc.
 * @throws Error of the system
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
	try {
		// As readText; nearly always this is all.
		mkdirSync(path, { mode });
	} catch (error) {
		if (isErrno(error, "ENOENT") && path !== dirname(path)) {
			await makeFolder(dirname(path), mode);
			await mkdir(path, { mode }).catch((again) => passFolder(path, again));
		} else await passFolder(path, error);
	}
}

/** Whatever was said, a folder that is there is well: a read-only file system says EROFS of it, not EEXIST. */
async function passFolder(path: string, error: unknown): Promise<void> {
	const found = await stat(path).catch(() => undefined);
	if (found?.isDirectory() !== true) throw error;
}

/** All of a stream; undefined when there is more of it than `most` bytes: the rest is not read. */
export async function readUpTo(stream: Readable, most: number): Promise<Buffer | undefined> {
	const pieces: Uint8Array[] = [];
	let size = 0;
	for await (const piece of stream) {
		const data: Uint8Array = piece;
		size += data.length;
		if (size > most) return undefined;
		pieces.push(data);
	}
	return Buffer.concat(pieces);
}

/** "1.5 GiB": for messages. */
export function formatBytes(bytes: number): string {
	const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
	let value = bytes;
	let unit = 0;
	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Data of a file on disk before this resolves (fdatasync). */
export async function fsyncFile(path: string): Promise<void> {
	const file = await open(path, "r");
	try {
		await file.datasync();
	} finally {
		await file.close();
	}
}

/** The names in a folder on disk before this resolves: a rename lasts over a power loss only then. */
export async function fsyncDir(path: string): Promise<void> {
	const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
	try {
		await folder.sync();
	} finally {
		await folder.close();
	}
}

/** A name beside `path` for what is not finished; it carries its owner, see `removeStaleTemps`. */
export function tempBeside(path: string): string {
	return join(dirname(path), `.${basename(path)}.${ownedName()}.tmp`);
}

/** Remove the unfinished files that dead processes left in a folder; returns the removed paths. */
export async function removeStaleTemps(folder: string): Promise<readonly string[]> {
	const removed: string[] = [];
	for (const name of await readdir(folder).catch(() => [])) {
		const owner = name.startsWith(".") && name.endsWith(".tmp") ? ownerOfName(name) : undefined;
		if (owner === undefined) continue;
		const path = join(folder, name);
		const touched = await lstat(path).catch(() => undefined);
		if (touched === undefined || !ownerGone(owner, Date.now() - touched.mtimeMs)) continue;
		await rm(path, { force: true });
		removed.push(path);
	}
	return removed;
}

/**
 * Write a whole file so that its name shows either the old content or the new.
 * @param options.durable also on disk over a power loss: costs an fsync of file and folder.
 * @throws NodebuildError HOST_DISK_FULL
 */
export async function writeFileAtomic(
	path: string,
	data: string | Uint8Array,
	options: { readonly mode?: number; readonly durable?: boolean } = {},
): Promise<void> {
	const temp = tempBeside(path);
	const needed = Buffer.byteLength(data);
	try {
		await whenFull({ path, action: `write ${path}`, needed }, async () => {
			const file = await open(temp, "wx", options.mode ?? 0o600);
			try {
				await file.writeFile(data);
				if (options.durable === true) await file.datasync();
			} finally {
				await file.close();
			}
			await rename(temp, path);
			if (options.durable === true) await fsyncDir(dirname(path));
		});
	} catch (error) {
		await rm(temp, { force: true });
		throw error;
	}
}

/** Bytes on disk (blocks of 512) of a file, or of a folder and everything in it; 0 when it is not there. Synchronous, as `readText`. */
export function diskUsage(path: string): number {
	const entry = lstatSync(path, { throwIfNoEntry: false });
	if (entry === undefined) return 0;
	let bytes = entry.blocks * 512;
	if (entry.isDirectory()) for (const name of namesIn(path)) bytes += diskUsage(join(path, name));
	return bytes;
}

/** Bytes that we may still write on the file system of `path`, or of its nearest existing folder. */
export async function freeSpace(path: string): Promise<number> {
	for (let folder = resolve(path); ; folder = dirname(folder)) {
		try {
			const { bavail, bsize } = await statfs(folder);
			return bavail * bsize;
		} catch (error) {
			if (!isErrno(error, "ENOENT", "ENOTDIR") || folder === dirname(folder)) throw error;
		}
	}
}

/** What statfs(2) says of a file system that lies in memory: linux/magic.h, TMPFS_MAGIC and RAMFS_MAGIC. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Whether a folder lies in memory: there even the holes of a file take room once a mapping of them is read. */
export async function liesInMemory(folder: string): Promise<boolean> {
	return IN_MEMORY.has((await statfs(folder)).type);
}

export interface FullDisk {
	/** A path on the file system that is full. */
	readonly path: string;
	/** "write the layer RUN apt-get ...": completes "no space left to ...". */
	readonly action: string;
	/** Bytes, where known. */
	readonly needed?: number;
	readonly cause?: unknown;
}

/** HOST_DISK_FULL with what was needed, what is free, and what to do. */
export async function diskFullError(full: FullDisk): Promise<NodebuildError> {
	const free = await freeSpace(full.path).catch(() => undefined);
	const needed = full.needed === undefined ? "" : `needed ${formatBytes(full.needed)}, `;
	const left = free === undefined ? "free space unknown" : `${formatBytes(free)} free`;
	return new NodebuildError({
		code: "HOST_DISK_FULL",
		message: `no space left on the host's disk to ${full.action}: ${needed}${left} at ${full.path}`,
		hint: 'free some space: "nodebuild prune" removes layers that no image needs ("nodebuild prune --all" more)',
		cause: full.cause,
	});
}

/** Run `work`; its ENOSPC or EDQUOT becomes HOST_DISK_FULL, any other error passes. */
export async function whenFull<T>(full: Omit<FullDisk, "cause">, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (isErrno(error, "ENOSPC", "EDQUOT")) throw await diskFullError({ ...full, cause: error });
		throw error;
	}
}

/** @throws NodebuildError HOST_DISK_FULL when fewer than `needed` bytes are free. */
export async function requireSpace(path: string, needed: number, action: string): Promise<void> {
	if ((await freeSpace(path)) < needed) throw await diskFullError({ path, needed, action });
}
