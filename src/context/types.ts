/** The files of a COPY: found, digested, and streamed. */
import type { Digest } from "../digest.ts";

export type EntryType = "file" | "directory" | "symlink" | "fifo";

/** Names and values in base64, sorted by name; never empty. */
export type Xattrs = Readonly<Record<string, string>>;

/** One file as it will be in the guest, relative to where its source lands. */
export interface CopyEntry {
	/** "/" separated, no leading slash; "" is the source itself, when it is a file. */
	readonly path: string;
	readonly type: EntryType;
	/** Permission bits with setuid, setgid, sticky. */
	readonly mode: number;
	/** Bytes; 0 unless a file. */
	readonly size: number;
	/** Absolute host path of the content; "" when `content` has it. */
	readonly source: string;
	/** Content that is in no host file (a heredoc). */
	readonly content?: Uint8Array;
	readonly linkTarget?: string;
	/** `path` of an earlier entry of the same source of which this one is a hard link. */
	readonly hardLink?: string;
	/** Whole seconds since the epoch; not part of the digest. */
	readonly mtime: number;
	/** Extended attributes: base64, by name. */
	readonly xattrs?: Xattrs;
	/**
	 * A directory that is here only because of what lies below it: no pattern chose it. One that exists in the guest
	 * keeps its owner.
	 */
	readonly passage?: boolean;
	/** Content digest; files only. */
	readonly digest?: Digest;
	/** What the host file's status was when it was digested (see `stampOf`); not part of the digest. */
	readonly stamp?: string;
}

/** One source argument of a COPY after wildcards: what it puts where. */
export interface CopySource {
	/** The path as matched, relative to the context; its base name is the file's name in a directory. */
	readonly name: string;
	/** A directory's content goes into the destination; a file goes to it, or under it when it is a directory. */
	readonly isDirectory: boolean;
	/** A local archive that ADD unpacks: how it is compressed. The guest's tar extracts it into the destination. */
	readonly archive?: ArchiveCompression;
	/** Parents before what is in them. A directory source has no entry for itself. */
	readonly entries: readonly CopyEntry[];
}

export type ArchiveCompression = "none" | "gzip" | "bzip2" | "xz" | "zstd";

export interface ResolvedCopy {
	readonly sources: readonly CopySource[];
	/** Digest of paths, types, modes, content, link targets; never of mtimes. */
	readonly digest: Digest;
	/** Bytes of all file contents. */
	readonly bytes: number;
	/** Wildcards that matched nothing, as written: no error in a Dockerfile, worth a warning. */
	readonly unmatched: readonly string[];
}

/** What a COPY or ADD asks of a context; the parts of a CopyRequest that matter before a destination is known. */
export interface CopyQuery {
	/** Paths and wildcards as written, relative to the context's root. */
	readonly paths: readonly string[];
	/** `--exclude`, relative to each source directory. */
	readonly exclude: readonly string[];
	readonly parents: boolean;
	/** Find local archives (ADD). */
	readonly unpack: boolean;
}

/** Where the sources of a copy land in the guest. */
export interface Placement {
	/** Absolute guest path of each source's "", in the order of the sources. */
	readonly targets: readonly string[];
	/**
	 * Absolute guest directories, parents first, that the copy creates where they are missing: mode 0755, owner of
	 * the copy. Those that exist keep their mode and owner.
	 */
	readonly createdParents: readonly string[];
}

/** How the entries are written into the stream. */
export interface CopyLayout {
	readonly targets: readonly string[];
	readonly uid: number;
	readonly gid: number;
	/** `--chmod`; not asked for symlinks. */
	readonly mode?: ModeChange;
	/** Seconds since the epoch, for all entries; undefined: each file's own. */
	readonly mtime?: number;
}

export type ModeChange = (mode: number, isDirectory: boolean) => number;

export interface Context {
	/** Absolute, symlinks resolved. */
	readonly root: string;
	/** The ignore file in use. */
	readonly ignoreFile?: string;
	/**
	 * Find and digest the sources of a COPY.
	 * @throws NodebuildError COPY_SOURCE_MISSING, CONTEXT_INVALID (sockets, devices, unreadable files, bad patterns).
	 */
	resolve(query: CopyQuery): Promise<ResolvedCopy>;
	/** Write the stat cache, if there is one and something changed; never fails for want of a writable cache. */
	save(): Promise<void>;
}
