/** `nodebuild bases`: the map, what is fetched, and from where. */
import { openStore } from "../layers/store.ts";
import type { BaseRecord } from "../layers/types.ts";
import type { Architecture, BaseEntry } from "../plan/base-map.ts";
import { imageAddress } from "./address.ts";
import { architectureOf } from "./guess.ts";
import { loadMaps } from "./map.ts";
import { BOOTSTRAP } from "./types.ts";

/** A row of `nodebuild bases`. */
export interface BaseRow {
	readonly ref: string;
	readonly aliases: readonly string[];
	readonly architecture: string;
	/** Address of the image; "bootstrap" where only packages remain; empty where the user must bring the disk. */
	readonly source: string;
	/** It can be built from the packages of the host's mirror as well. */
	readonly bootstrap?: boolean;
	/** Said when there is no source. */
	readonly note?: string;
	/** In the store already. */
	readonly ready?: BaseRecord;
}

export interface ListOptions {
	/** The store's folder. */
	readonly home: string;
	readonly baseMaps: readonly string[];
	/** Rows are for this platform. */
	readonly platform: string;
}

/** Everything that FROM knows by name, and what else the store has. */
export async function listBases(options: ListOptions): Promise<readonly BaseRow[]> {
	const map = await loadMaps(options.baseMaps);
	const architecture = architectureOf(options.platform);
	await using store = await openStore(options.home, { look: true });
	const stored = await store.bases.list();
	const newest = (ref: string): BaseRecord | undefined =>
		stored.filter((base) => base.ref === ref && base.architecture === architecture).at(-1);
	const rows = Object.entries(map.bases).flatMap(([ref, entry]): BaseRow[] => {
		if (entry.architectures[architecture as Architecture] === undefined) return [];
		const ready = newest(ref);
		const { aliases, unavailable } = entry;
		return [
			{
				ref,
				aliases,
				architecture,
				source: firstSource(entry, architecture),
				...(entry.sources.some(({ kind }) => kind === BOOTSTRAP) ? { bootstrap: true } : {}),
				...(unavailable === undefined ? {} : { note: unavailable }),
				...(ready === undefined ? {} : { ready }),
			},
		];
	});
	const others = stored.filter(({ ref }) => !Object.hasOwn(map.bases, ref));
	return [...rows, ...others.map((ready): BaseRow => ({ ...ready, aliases: [], ready }))];
}

function firstSource(entry: BaseEntry, architecture: string): string {
	for (const source of entry.sources) {
		if (source.kind === "nodefile") return source.path;
		const address = source.kind === "bootstrap" ? "bootstrap" : imageAddress(source, entry, architecture);
		if (address !== undefined) return address;
	}
	return "";
}
