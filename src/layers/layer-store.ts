/** Layers of the store. */
import type { Digest } from "../digest.ts";
import { diskUsage } from "../system/files.ts";
import { missingParent, place, readAll, readWhole, stage, touch } from "./entries.ts";
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
	const { instance: _i, parentInstance: _p, ...rest } = record;
	return { ...rest, disk: paths.disk("layers", digest) };
}

async function readLayer(paths: StorePaths, key: Digest): Promise<LayerEntry | undefined> {
	const entry = await readWhole(paths, "layers", key);
	return entry?.kind === "layers" ? entry : undefined;
}

export function createLayerStore(paths: StorePaths, marks: Marks): LayerStore {
	const find = async (key: Digest): Promise<Layer | undefined> => {
		const id = markId("layers", key);
		const seen = await readLayer(paths, key);
		if (seen === undefined) return undefined;
		await touch(paths, "layers", key);
		if (marks.has(id)) return layerOf(paths, seen);
		// Between the look and the mark it may have been pruned: look again where prune cannot run.
		return locked(paths, async () => {
			const entry = await readLayer(paths, key);
			if (entry === undefined) return undefined;
			await marks.add(id);
			return layerOf(paths, entry);
		});
	};

	const commit = async (record: NewLayer, file: string): Promise<CommittedLayer> => {
		const { key, parent: parentKey, base } = record;
		const parent =
			parentKey !== undefined
				? await readWhole(paths, "layers", parentKey)
				: ((await readWhole(paths, "bases", base)) ?? (await readWhole(paths, "images", base)));
		if (parent === undefined) throw missingParent(record.title, parentKey ?? base);
		const full: LayerRecord = { ...record, size: await diskUsage(file) };
		const draft = { kind: "layers", digest: key, file, record: full, parent, durable: false } as const;
		const staged = await stage(paths, draft);
		return locked(paths, async () => {
			const stored = await place(paths, draft, staged);
			const entry = await readLayer(paths, key);
			if (entry === undefined) throw missingParent(record.title, parentKey ?? base);
			await marks.add(markId("layers", key));
			return { ...layerOf(paths, entry), stored };
		});
	};

	const list = async (): Promise<readonly Layer[]> => {
		const all = await readAll(paths, "layers");
		const usable = await Promise.all(all.map(({ entry }) => entry && readLayer(paths, entry.digest)));
		return usable
			.filter((entry) => entry !== undefined)
			.map((entry) => layerOf(paths, entry))
			.sort((a, b) => a.created.localeCompare(b.created));
	};

	return { find, commit, list };
}
