/** Entries of the store: a disk and its record in one folder, put in place and taken away in one step. */
import { randomBytes } from "node:crypto";
import { constants, readFileSync, statSync, utimesSync } from "node:fs";
import { chmod, copyFile, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { fsyncDir, fsyncFile, isErrno, namesIn, whenFull } from "../system/files.ts";
import { ownedName } from "../system/owner.ts";
import { DISK_NAME, type DiskKind, digestOfName, recordName, type StorePaths } from "./paths.ts";
import { type Entry, parseEntry } from "./records.ts";

/**
 * The entry as its record says; undefined when there is none, or it is damaged. What it stands on is not
 * looked at. Synchronous, because a chain is many small files, and each costs ten times as much through
 * Node's thread pool.
 */
export function readEntry(paths: StorePaths, kind: DiskKind, digest: Digest): Entry | undefined {
	try {
		const entry = parseEntry(kind, digest, readFileSync(paths.record(kind, digest), "utf8"));
		if (entry === undefined) return undefined;
		const disk = statSync(paths.disk(kind, digest), { throwIfNoEntry: false });
		if (disk === undefined) return undefined;
		return disk.size === (entry.record.diskLength ?? disk.size) ? entry : undefined;
	} catch (error) {
		if (isErrno(error, "ENOENT", "ENOTDIR", "EISDIR")) return undefined;
		throw error;
	}
}

/** What an entry's disk stands on; a layer's base may be an image of ours (FROM name), which lies under its key. */
export function readParent(paths: StorePaths, entry: Entry): Entry | undefined {
	switch (entry.kind) {
		case "bases":
			return undefined;
		case "images":
			return readEntry(paths, "layers", entry.record.layer);
		case "layers": {
			const { parent, base } = entry.record;
			if (parent !== undefined) return readEntry(paths, "layers", parent);
			return readEntry(paths, "bases", base) ?? readEntry(paths, "images", base);
		}
	}
}

/** Whether an entry's parent is the very disk it was written over. */
export function standsOn(entry: Entry, parent: Entry | undefined): boolean {
	if (entry.kind === "bases") return true;
	return parent !== undefined && entry.record.parentInstance === parent.record.instance;
}

/** The entry with all that it stands on, itself first, if every disk is there and is the right one; else nothing. */
export function readChain(paths: StorePaths, kind: DiskKind, digest: Digest): readonly Entry[] {
	const chain: Entry[] = [];
	for (let entry = readEntry(paths, kind, digest); entry !== undefined; ) {
		chain.push(entry);
		if (entry.kind === "bases") return chain;
		const parent = readParent(paths, entry);
		if (!standsOn(entry, parent)) return [];
		entry = parent;
	}
	return [];
}

/** The entry, if it can be used: see readChain. */
export function readWhole(paths: StorePaths, kind: DiskKind, digest: Digest): Entry | undefined {
	return readChain(paths, kind, digest)[0];
}

/** All names under a kind, with their entries; undefined: damaged. */
export function readAll(
	paths: StorePaths,
	kind: DiskKind,
): readonly { readonly name: string; readonly entry: Entry | undefined }[] {
	return namesIn(paths.kind(kind)).map((name) => {
		const digest = digestOfName(name);
		return { name, entry: digest === undefined ? undefined : readEntry(paths, kind, digest) };
	});
}

/** Milliseconds since the epoch of an entry's last use. */
export async function lastUse(paths: StorePaths, kind: DiskKind, digest: Digest): Promise<number> {
	return (await stat(paths.record(kind, digest)).catch(() => undefined))?.mtimeMs ?? 0;
}

export function touch(paths: StorePaths, kind: DiskKind, digest: Digest): void {
	const now = new Date();
	try {
		utimesSync(paths.record(kind, digest), now, now);
	} catch {
		// It is gone, or somebody else's: then it is as old as it seems.
	}
}

async function move(from: string, to: string): Promise<void> {
	try {
		await rename(from, to);
	} catch (error) {
		if (!isErrno(error, "EXDEV")) throw error;
		await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
		await rm(from);
	}
}

export interface Draft {
	readonly kind: DiskKind;
	readonly digest: Digest;
	/** The disk; it is moved, and gone afterwards in any case. */
	readonly file: string;
	/** Without the store's stamp. */
	readonly record: object;
	/** What the disk stands on; undefined for a base. */
	readonly parent?: Entry;
	/** Record and folder over a power loss too, not only the disk: docs/adr/0003-store-durability.md. */
	readonly durable: boolean;
}

/**
 * Disk and record in a folder under tmp/, data on disk: all of the slow work, before the store is locked.
 * @throws NodebuildError HOST_DISK_FULL
 */
export async function stage(paths: StorePaths, draft: Draft): Promise<string> {
	const folder = join(paths.tmp, ownedName());
	const disk = join(folder, DISK_NAME);
	const stamp = {
		instance: randomBytes(8).toString("hex"),
		...(draft.parent === undefined ? {} : { parentInstance: draft.parent.record.instance }),
	};
	try {
		await whenFull({ path: paths.home, action: "put a disk into the store" }, async () => {
			await mkdir(folder, { mode: 0o700 });
			await move(draft.file, disk);
			// Nobody writes to it again: what stands on it would change.
			await chmod(disk, 0o444);
			await fsyncFile(disk);
			const record = join(folder, recordName(draft.kind));
			const content = { ...draft.record, ...stamp, diskLength: (await stat(disk)).size };
			await writeFile(record, `${JSON.stringify(content, null, "\t")}\n`, { mode: 0o600 });
			if (draft.durable) await fsyncFile(record).then(() => fsyncDir(folder));
		});
		return folder;
	} catch (error) {
		await rm(folder, { recursive: true, force: true });
		throw error;
	}
}

/**
 * Rename a staged folder to its place; the caller holds the store's lock. False when a usable entry
 * lies there already: that one stays, ours is dropped. An unusable one makes room.
 */
export async function place(paths: StorePaths, draft: Draft, staged: string): Promise<boolean> {
	const { kind, digest } = draft;
	if (readWhole(paths, kind, digest) !== undefined) {
		await rm(staged, { recursive: true, force: true });
		return false;
	}
	const target = paths.entry(kind, digest);
	await takeAway(paths, target).then(discard);
	await rename(staged, target);
	if (draft.durable) await fsyncDir(dirname(target));
	return true;
}

/** Rename an entry's folder into tmp/, from where a kill lets the next run remove it. Undefined: not there. */
export async function takeAway(paths: StorePaths, folder: string): Promise<string | undefined> {
	const grave = join(paths.tmp, ownedName());
	try {
		await rename(folder, grave);
		return grave;
	} catch (error) {
		if (isErrno(error, "ENOENT")) return undefined;
		throw error;
	}
}

export async function discard(folder: string | undefined): Promise<void> {
	if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

/** @throws NodebuildError STORE_INVALID always: the parent of something to be committed has vanished. */
export function missingParent(title: string, parent: Digest): NodebuildError {
	return new NodebuildError({
		code: "STORE_INVALID",
		message: `expected the disk below "${title}" in the store, but ${parent} is not there or damaged`,
		hint: 'run the build again; if it happens again, see "nodebuild doctor"',
	});
}
