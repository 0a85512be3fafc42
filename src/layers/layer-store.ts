/** Layers of the store. */
import type { Digest } from "../digest.ts";
import { diskUsage } from "../system/files.ts";
import { missingParent, place, readAll, readChain, readEntry, readWhole, stage, touch } from "./entries.ts";
import { locked, type Marks, markId } from "./marks.ts";
import type { StorePaths } from "./paths.ts";
import type { Entry } from "./records.ts";
import type { Layer, LayerRecord } from "./types.ts";

/** A layer's record as its maker knows it; the size is measured by the store. */
export type NewLayer = Omit<LayerRecord, "size"> & Partial<Pick<LayerRecord, "size">>;

export interface CommittedLayer extends Layer {
	/**
	 * False: a usable layer of this key was there already and stays; ours was dropped. What runs on over
	 * the dropped disk must not be committed: go on from this layer instead.
	 */
	readonly stored: boolean;
}

export interface LayerStore {
	/**
	 * The layer of a step's key, if it and all it stands on are there. It is marked as in use until the
	 * store is closed, and its last use is now.
	 */
	find(key: Digest): Promise<Layer | undefined>;
	/**
	 * Put a frozen disk into the store: data on disk first, then one rename. `file` is moved; it must lie in a
	 * work folder of this store and name its backing file as backingName() does. Marked as `find` does.
	 * @throws NodebuildError HOST_DISK_FULL; STORE_INVALID when the parent is not in the store.
	 */
	commit(record: NewLayer, file: string): Promise<CommittedLayer>;
	/** All usable layers, oldest first; marks nothing. */
	list(): Promise<readonly Layer[]>;
}

type LayerEntry = Extract<Entry, { kind: "layers" }>;

function layerOf(paths: StorePaths, { digest, record }: LayerEntry): Layer {
	const { instance: _i, parentInstance: _p, diskLength: _l, ...rest } = record;
	return { ...rest, disk: paths.disk("layers", digest) };
}

/** The layer at the head of a chain. */
function headOf(paths: StorePaths, [head]: readonly Entry[]): Layer | undefined {
	return head?.kind === "layers" ? layerOf(paths, head) : undefined;
}

export function createLayerStore(paths: StorePaths, marks: Marks): LayerStore {
	const find = async (key: Digest): Promise<Layer | undefined> => {
		const seen = readEntry(paths, "layers", key);
		if (seen === undefined) return undefined;
		touch(paths, "layers", key);
		if (marks.keeps(markId("layers", key))) return headOf(paths, [seen]);
		// The chain is looked at and marked where prune cannot run in between.
		return locked(paths, async () => {
			const chain = readChain(paths, "layers", key);
			await marks.add(chain);
			return headOf(paths, chain);
		});
	};

	const commit = async (record: NewLayer, file: string): Promise<CommittedLayer> => {
		const { key, parent: parentKey, base, title } = record;
		const parent =
			parentKey !== undefined
				? readWhole(paths, "layers", parentKey)
				: (readWhole(paths, "bases", base) ?? readWhole(paths, "images", base));
		if (parent === undefined) throw missingParent(title, parentKey ?? base);
		const full: LayerRecord = { ...record, size: diskUsage(file) };
		const draft = { kind: "layers", digest: key, file, record: full, parent, durable: false } as const;
		const staged = await stage(paths, draft);
		return locked(paths, async () => {
			const stored = await place(paths, draft, staged);
			const chain = readChain(paths, "layers", key);
			const layer = headOf(paths, chain);
			if (layer === undefined) throw missingParent(title, parentKey ?? base);
			await marks.add(chain);
			return { ...layer, stored };
		});
	};

	const list = async (): Promise<readonly Layer[]> =>
		readAll(paths, "layers")
			.map(({ entry }) => entry && headOf(paths, readChain(paths, "layers", entry.digest)))
			.filter((layer) => layer !== undefined)
			.sort((a, b) => a.created.localeCompare(b.created));

	return { find, commit, list };
}
