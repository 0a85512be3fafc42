/** Bases of the store. */
import type { Digest } from "../digest.ts";
import { type BaseRef, readBaseRef, writeBaseRef } from "./base-refs.ts";
import { place, readAll, readEntry, stage, touch } from "./entries.ts";
import { locked, type Marks } from "./marks.ts";
import type { StorePaths } from "./paths.ts";
import type { Entry } from "./records.ts";
import type { BaseRecord } from "./types.ts";

export interface StoredBase extends BaseRecord {
	/** Absolute path of the base's qcow2. */
	readonly disk: string;
}

export interface BaseStore {
	/** Marked as in use until the store is closed; its last use is now. */
	find(digest: Digest): Promise<StoredBase | undefined>;
	/** The newest base of a reference, `debian:12` or an address, and of an architecture where that is given. */
	findRef(ref: string, architecture?: string): Promise<StoredBase | undefined>;
	/**
	 * A base that the store has, by another reference with the same content: from now on it is found by that too.
	 * Undefined when it has none of this digest.
	 */
	also(digest: Digest, other: BaseRef): Promise<StoredBase | undefined>;
	/**
	 * Put a verified qcow2 into the store; `file` is moved. A base of this digest that is there already stays, and is
	 * found by this reference as well.
	 * @throws NodebuildError HOST_DISK_FULL
	 */
	add(record: BaseRecord, file: string): Promise<StoredBase>;
	/** By name, then oldest first; marks nothing. */
	list(): Promise<readonly StoredBase[]>;
}

function isNamed(base: BaseRecord, { ref, architecture }: BaseRef): boolean {
	return base.ref === ref && base.architecture === architecture;
}

/** The same disk as whoever asks for it names it. */
function named(base: StoredBase, { ref, architecture, source, verified }: BaseRef): StoredBase {
	return { ...base, ref, architecture, source, verified };
}

type BaseEntry = Extract<Entry, { kind: "bases" }>;

export function createBaseStore(paths: StorePaths, marks: Marks): BaseStore {
	const baseOf = ({ digest, record }: BaseEntry): StoredBase => {
		const { instance: _i, parentInstance: _p, diskLength: _l, ...rest } = record;
		return { ...rest, disk: paths.disk("bases", digest) };
	};

	const read = (digest: Digest): BaseEntry | undefined => {
		const entry = readEntry(paths, "bases", digest);
		return entry?.kind === "bases" ? entry : undefined;
	};

	const find = async (digest: Digest): Promise<StoredBase | undefined> => {
		if (read(digest) === undefined) return undefined;
		touch(paths, "bases", digest);
		return locked(paths, async () => {
			const entry = read(digest);
			if (entry === undefined) return undefined;
			await marks.add([entry]);
			return baseOf(entry);
		});
	};

	const list = async (): Promise<readonly StoredBase[]> =>
		readAll(paths, "bases")
			.flatMap(({ entry }) => (entry?.kind === "bases" ? [baseOf(entry)] : []))
			.sort((a, b) => a.ref.localeCompare(b.ref) || a.created.localeCompare(b.created));

	const findRef = async (ref: string, architecture?: string): Promise<StoredBase | undefined> => {
		const newest = (await list())
			.filter((base) => base.ref === ref && (architecture ?? base.architecture) === base.architecture)
			.at(-1);
		const other = architecture === undefined ? undefined : readBaseRef(paths, ref, architecture);
		if (other !== undefined && (newest === undefined || other.created > newest.created)) {
			const base = await find(other.digest);
			if (base !== undefined) return named(base, other);
		}
		return newest === undefined ? undefined : find(newest.digest);
	};

	const also = async (digest: Digest, other: BaseRef): Promise<StoredBase | undefined> => {
		const base = await find(digest);
		if (base === undefined || isNamed(base, other)) return base;
		await writeBaseRef(paths, digest, other);
		return named(base, other);
	};

	const add = async (record: BaseRecord, file: string): Promise<StoredBase> => {
		const draft = { kind: "bases", digest: record.digest, file, record, durable: true } as const;
		const staged = await stage(paths, draft);
		return locked(paths, async () => {
			const stored = await place(paths, draft, staged);
			await marks.add([draft]);
			const kept = stored ? undefined : read(record.digest);
			if (kept === undefined) return { ...record, disk: paths.disk("bases", record.digest) };
			const base = baseOf(kept);
			if (isNamed(base, record)) return base;
			await writeBaseRef(paths, record.digest, record);
			return named(base, record);
		});
	};

	return { find, findRef, also, add, list };
}
