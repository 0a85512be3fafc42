/** Bases of the store. */
import type { Digest } from "../digest.ts";
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
	/** The newest base of a canonical name, `debian:12`, and of an architecture where that is given. */
	findRef(ref: string, architecture?: string): Promise<StoredBase | undefined>;
	/**
	 * Put a verified qcow2 into the store; `file` is moved. A base of this digest that is there already stays.
	 * @throws NodebuildError HOST_DISK_FULL
	 */
	add(record: BaseRecord, file: string): Promise<StoredBase>;
	/** By name, then oldest first; marks nothing. */
	list(): Promise<readonly StoredBase[]>;
}

type BaseEntry = Extract<Entry, { kind: "bases" }>;

export function createBaseStore(paths: StorePaths, marks: Marks): BaseStore {
	const baseOf = ({ digest, record }: BaseEntry): StoredBase => {
		const { instance: _i, parentInstance: _p, ...rest } = record;
		return { ...rest, disk: paths.disk("bases", digest) };
	};

	const read = (digest: Digest): BaseEntry | undefined => {
		const entry = readEntry(paths, "bases", digest);
		return entry?.kind === "bases" ? entry : undefined;
	};

	const find = async (digest: Digest): Promise<StoredBase | undefined> => {
		if (read(digest) === undefined) return undefined;
		await touch(paths, "bases", digest);
		return locked(paths, async () => {
			const entry = read(digest);
			if (entry === undefined) return undefined;
			await marks.add([entry]);
			return baseOf(entry);
		});
	};

	const list = async (): Promise<readonly StoredBase[]> =>
		(await readAll(paths, "bases"))
			.flatMap(({ entry }) => (entry?.kind === "bases" ? [baseOf(entry)] : []))
			.sort((a, b) => a.ref.localeCompare(b.ref) || a.created.localeCompare(b.created));

	const findRef = async (ref: string, architecture?: string): Promise<StoredBase | undefined> => {
		const newest = (await list())
			.filter((base) => base.ref === ref && (architecture ?? base.architecture) === base.architecture)
			.at(-1);
		return newest === undefined ? undefined : find(newest.digest);
	};

	const add = async (record: BaseRecord, file: string): Promise<StoredBase> => {
		const draft = { kind: "bases", digest: record.digest, file, record, durable: true } as const;
		const staged = await stage(paths, draft);
		return locked(paths, async () => {
			const stored = await place(paths, draft, staged);
			await marks.add([draft]);
			const kept = stored ? undefined : read(record.digest);
			return kept === undefined ? { ...record, disk: paths.disk("bases", record.digest) } : baseOf(kept);
		});
	};

	return { find, findRef, add, list };
}
