/** The files of a COPY: found, digested, and streamed. */
import type { Digest } from "../digest.ts";

export type EntryType = "file" | "directory" | "symlink";

/** One file as it will be in the guest, relative to the copy's destination. */
export interface CopyEntry {
	/** Path relative to the destination, "/" separated, no leading slash; "" is the destination itself. */
	readonly path: string;
	readonly type: EntryType;
	/** Permission bits with setuid, setgid, sticky. */
	readonly mode: number;
	/** Bytes; 0 unless a file. */
	readonly size: number;
	/** Absolute host path of the content. */
	readonly source: string;
	readonly linkTarget?: string;
	/** `path` of an earlier entry of which this one is a hard link. */
	readonly hardLink?: string;
	/** Seconds since the epoch; not part of the digest. */
	readonly mtime: number;
	readonly xattrs?: Readonly<Record<string, Uint8Array>>;
	/** Content digest; files only. */
	readonly digest?: Digest;
}

/** One source argument of a COPY after wildcards: what it puts where. */
export interface CopySource {
	/** The path as matched, relative to the context. */
	readonly name: string;
	/** A directory's content goes into the destination; a file goes to it, or under it when it is a directory. */
	readonly isDirectory: boolean;
	/** A local archive that ADD unpacks. */
	readonly archive?: boolean;
	/** Entries relative to the source: "" is the file or directory itself. */
	readonly entries: readonly CopyEntry[];
}

export interface ResolvedCopy {
	readonly sources: readonly CopySource[];
	/** Digest of paths, types, modes, content, link targets; never of mtimes. */
	readonly digest: Digest;
	/** Bytes of all file contents. */
	readonly bytes: number;
}
