/**
 * The stat cache: content digests by path and file status, so that an unchanged context is recognised without reading
 * it. The rule for timestamps is git's (Documentation/technical/racy-git): a file that changed as late as the moment
 * in which the cache was made may change again without showing it, so such an entry is not believed.
 */
import {
	closeSync,
	fstatSync,
	mkdirSync,
	openSync,
	readFileSync,
	renameSync,
	rmSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Digest } from "../digest.ts";
import type { Xattrs } from "./types.ts";

const VERSION = 3;

/** The file: one line of JSON. Entries that are not to be believed are not in it. */
interface Stored {
	readonly version: typeof VERSION;
	readonly root: string;
	/** Path, entry, path, entry: flat, because that is parsed fastest. */
	readonly entries: readonly string[];
	/** Extended attributes of those of the entries that have any; undefined: they could not be read. */
	readonly xattrs?: Readonly<Record<string, Xattrs>>;
}

/** `stamp hex`, by path. */
type Entries = Map<string, string>;
/** Of a blank and the digits of a digest. */
const DIGEST_LENGTH = 65;
/** Stands where a directory's content digest would. */
const NO_CONTENT: Digest = `sha256:${"0".repeat(64)}`;
const NO_XATTRS: Xattrs = {};

export class StatCache {
	readonly #file: string;
	readonly #root: string;
	/** Nanoseconds by the clock of the cache's file system, from before the first file was looked at. */
	readonly #since: bigint;
	readonly #known: Entries;
	readonly #seen: Entries = new Map();
	readonly #knownXattrs: ReadonlyMap<string, Xattrs> | undefined;
	readonly #seenXattrs = new Map<string, Xattrs>();
	#changed = false;

	private constructor(file: string, root: string, since: bigint) {
		this.#file = file;
		this.#root = root;
		this.#since = since;
		const loaded = load(file, root);
		this.#known = loaded?.entries ?? new Map();
		this.#knownXattrs = loaded?.xattrs;
	}

	/** A cache that is missing, damaged, of another root or version is an empty one. Undefined: no place to write it. */
	static open(file: string, root: string): StatCache | undefined {
		const since = fileSystemTime(file);
		return since === undefined ? undefined : new StatCache(file, root, since);
	}

	get(path: string, stamp: string): Digest | undefined {
		const entry = this.#known.get(path);
		if (entry?.length !== stamp.length + DIGEST_LENGTH || !entry.startsWith(stamp)) return undefined;
		this.#seen.set(path, entry);
		return `sha256:${entry.slice(stamp.length + 1)}`;
	}

	set(path: string, stamp: string, digest: Digest): void {
		this.#seen.set(path, `${stamp} ${digest.slice("sha256:".length)}`);
		this.#changed = true;
	}

	/** Extended attributes of a file or directory, perhaps none; undefined: not known. */
	xattrs(path: string, stamp: string): Xattrs | undefined {
		if (this.#seenXattrs.has(path)) return this.#seenXattrs.get(path);
		if (this.#knownXattrs === undefined || this.get(path, stamp) === undefined) return undefined;
		return this.#knownXattrs.get(path) ?? NO_XATTRS;
	}

	/** A file's digest is set before. */
	setXattrs(path: string, stamp: string, xattrs: Xattrs): void {
		if (!this.#seen.has(path)) this.set(path, stamp, NO_CONTENT);
		this.#seenXattrs.set(path, xattrs);
		this.#changed = true;
	}

	/** Atomically; a cache that cannot be written is only slow, so that is no error. */
	save(): void {
		if (!this.#changed) return;
		// Entries from before getfattr was there say nothing of attributes.
		const lacking = this.#knownXattrs === undefined && this.#seenXattrs.size > 0;
		const unseen = lacking ? [] : [...this.#known].filter(([path]) => !this.#seen.has(path));
		// Files that this build did not look at stay known, unless most of the cache is of that kind.
		const kept = unseen.length > this.#seen.size + 1000 ? [] : unseen;
		const seen = [...this.#seen].filter(([, entry]) => !isRacy(entry, this.#since));
		const entries = [...kept, ...seen].flat();
		const stored: Stored = { version: VERSION, root: this.#root, entries, ...this.#allXattrs() };
		this.#changed = !writeAtomically(this.#file, JSON.stringify(stored));
	}

	#allXattrs(): Pick<Stored, "xattrs"> {
		if (this.#knownXattrs === undefined && this.#seenXattrs.size === 0) return {};
		const all = new Map([...(this.#knownXattrs ?? []), ...this.#seenXattrs]);
		return { xattrs: Object.fromEntries([...all].filter(([, xattrs]) => Object.keys(xattrs).length > 0)) };
	}
}

interface Loaded {
	readonly entries: Entries;
	readonly xattrs: ReadonlyMap<string, Xattrs> | undefined;
}

function load(file: string, root: string): Loaded | undefined {
	try {
		const stored: Partial<Stored> | null = JSON.parse(readFileSync(file, "utf8"));
		if (stored?.version !== VERSION || stored.root !== root || !Array.isArray(stored.entries)) return undefined;
		const entries: Entries = new Map();
		for (let i = 0; i + 1 < stored.entries.length; i += 2) {
			entries.set(String(stored.entries[i]), String(stored.entries[i + 1]));
		}
		// A Map: of an object, thousands of names that it does not have would become property names of the engine's.
		return { entries, xattrs: stored.xattrs ? new Map(Object.entries(stored.xattrs)) : undefined };
	} catch {
		// Whatever is wrong with it: contents are read again, which is right, only slower.
		return undefined;
	}
}

/** File systems with whole seconds (or two, FAT) need as much distance. */
const COARSE = 2_000_000_000n;

/**
 * A time of modification that lies so far ahead was set by somebody: whoever writes to the file changes it, and the time of
 * its status too. Nanoseconds.
 */
const AHEAD = 3_600_000_000_000n;

function isRacy(entry: string, since: bigint): boolean {
	const [, modified = "0", changed = "0"] = entry.split(" ");
	const recent = (time: bigint): boolean => time + (time % 1_000_000_000n === 0n ? COARSE : 0n) >= since;
	return recent(BigInt(changed)) || (recent(BigInt(modified)) && BigInt(modified) < since + AHEAD);
}

/** Now, by the clock that stamps files beside the cache. */
function fileSystemTime(file: string): bigint | undefined {
	const probe = `${file}.${process.pid}.now`;
	try {
		mkdirSync(dirname(file), { recursive: true });
		const fd = openSync(probe, "w", 0o600);
		try {
			return fstatSync(fd, { bigint: true }).mtimeNs;
		} finally {
			closeSync(fd);
			unlinkSync(probe);
		}
	} catch {
		return undefined;
	}
}

function writeAtomically(file: string, text: string): boolean {
	const temporary = `${file}.${process.pid}.tmp`;
	try {
		writeFileSync(temporary, text, { mode: 0o600 });
		renameSync(temporary, file);
		return true;
	} catch {
		rmSync(temporary, { force: true });
		return false;
	}
}
