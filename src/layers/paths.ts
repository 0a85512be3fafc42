/**
 * The store's layout: the only place where a key becomes a path.
 *
 * ```
 * version                          STORE_VERSION
 * bases/<hex of digest>/           disk.qcow2 base.json
 * layers/<hex of key>/             disk.qcow2 layer.json
 * images/<hex of the plan's key>/  disk.qcow2 image.json, written.json see written-files.ts
 * tags/<encoded name>/<tag>.json   which image a name means
 * refs/<hex>.json                  a further reference of a base, see base-refs.ts
 * caches/<hex of identity>[-N]/    disk.raw cache.json, see cache-store.ts
 * downloads/                       unfinished downloads, resumable; what ADD fetched (add-*)
 * locks/                           see system/locks.ts
 * tmp/<owner>-<random>/            work in progress and in-use marks
 * ```
 * Folders that hold a disk all lie at the same depth. So the relative name under which an overlay
 * names its backing file is right in tmp/, where it is written, and in the folder it is renamed to.
 */
import { join, sep } from "node:path";
import { type Digest, hexOf, sha256 } from "../digest.ts";

/** What a disk of the store may stand on. */
export type DiskKind = "bases" | "layers" | "images";

export const DISK_NAME = "disk.qcow2";
/** In a folder under tmp/: the disks that its owner uses, one `<kind>/<hex>` per line. */
export const MARKS_NAME = "uses";

const RECORD_NAME = { bases: "base.json", layers: "layer.json", images: "image.json" } as const;

export interface StorePaths {
	readonly home: string;
	readonly version: string;
	readonly tags: string;
	/** All caches of RUN --mount=type=cache. */
	readonly caches: string;
	readonly downloads: string;
	readonly locks: string;
	readonly tmp: string;
	/** All entries of a kind. */
	kind(kind: DiskKind): string;
	/** The folder of one disk and its record. */
	entry(kind: DiskKind, digest: Digest): string;
	disk(kind: DiskKind, digest: Digest): string;
	record(kind: DiskKind, digest: Digest): string;
	/** The folder of a name's tags. */
	name(name: string): string;
	tag(name: string, tag: string): string;
	cache(name: string): string;
	/** All further references of bases. */
	readonly refs: string;
	/** What is known of one of them. */
	baseRef(ref: string, architecture: string): string;
	/** A lock's file; any text may be its name. */
	lock(name: string): string;
}

export function storePaths(home: string): StorePaths {
	const entry = (kind: DiskKind, digest: Digest): string => join(home, kind, hexOf(digest));
	const name = (text: string): string => join(home, "tags", encodeName(text));
	return {
		home,
		version: join(home, "version"),
		tags: join(home, "tags"),
		refs: join(home, "refs"),
		caches: join(home, "caches"),
		downloads: join(home, "downloads"),
		locks: join(home, "locks"),
		tmp: join(home, "tmp"),
		kind: (kind) => join(home, kind),
		entry,
		disk: (kind, digest) => join(entry(kind, digest), DISK_NAME),
		record: (kind, digest) => join(entry(kind, digest), RECORD_NAME[kind]),
		name,
		tag: (text, tag) => join(name(text), `${tag}.json`),
		cache: (text) => join(home, "caches", text),
		baseRef: (ref, architecture) => join(home, "refs", `${hexOf(sha256(`${architecture} ${ref}`))}.json`),
		lock: (text) => join(home, "locks", encodeName(text)),
	};
}

export function recordName(kind: DiskKind): string {
	return RECORD_NAME[kind];
}

/**
 * How an overlay in any folder of the store (bases, layers, images, or a work folder under tmp/)
 * names the disk it stands on: relative, so that the store may be moved as a whole.
 */
export function backingName(kind: DiskKind, digest: Digest): string {
	return `../../${kind}/${hexOf(digest)}/${DISK_NAME}`;
}

/** The digest of an entry's folder name; undefined for anything else that lies there. */
export function digestOfName(name: string): Digest | undefined {
	return /^[0-9a-f]{64}$/.test(name) ? `sha256:${name}` : undefined;
}

/** Reversible, one path component, never "." or "..", nothing that locks.ts gives a meaning to. */
export function encodeName(text: string): string {
	const encoded = encodeURIComponent(text).replaceAll("~", "%7E");
	return encoded.startsWith(".") ? `%2E${encoded.slice(1)}` : encoded;
}

export function decodeName(encoded: string): string {
	return decodeURIComponent(encoded);
}

/** The same for a disk by its path, whatever kind it is. */
export function backingNameOfDisk(disk: string): string {
	return `../../${disk.split(sep).slice(-3).join("/")}`;
}
