/** A look over the whole store: what lies in it, how large it is, what is damaged, and pruning. */
import { lstat, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { diskUsage, exists } from "../system/files.ts";
import { dropLostRefs } from "./base-refs.ts";
import { holdIdleCaches, idleCaches } from "./cache-store.ts";
import { discard, lastUse, readAll, readParent, standsOn, takeAway } from "./entries.ts";
import { findLeftovers } from "./leftovers.ts";
import { pruneLive, unusedMemory } from "./live-prune.ts";
import type { LiveStore } from "./live-store.ts";
import { locked, type Marks, markId } from "./marks.ts";
import type { DiskKind, StorePaths } from "./paths.ts";
import { choosePruned, type PruneItem, type PrunePolicy } from "./prune.ts";
import type { Entry } from "./records.ts";
import { formatReference } from "./reference.ts";
import { readTags, removeTag } from "./tags.ts";
import { sweepTemps } from "./temps.ts";

export interface PrunedEntry {
	readonly kind: PruneItem["kind"] | "damaged" | "download" | "leftover" | "live" | "memory";
	/** Path in the store, `layers/<hex>`. */
	readonly id: string;
	readonly title: string;
	/** Bytes on disk. */
	readonly size: number;
}

export interface PruneReport {
	readonly removed: readonly PrunedEntry[];
	/** Bytes. */
	readonly freed: number;
	readonly dryRun: boolean;
}

export interface StoreUsage {
	/** How many, and their bytes on disk. */
	readonly bases: Share;
	readonly layers: Share;
	readonly images: Share;
	readonly caches: Share;
	/** Live states, with the RAM files that they stand on; a layer's bytes do not count its states. */
	readonly live: Share;
	/** Unusable entries: of a damaged record, or standing on something that is gone. */
	readonly damaged: Share;
	readonly downloads: number;
	readonly tmp: number;
	readonly total: number;
	/** What a prune without options would free. */
	readonly reclaimable: number;
}

export interface Share {
	readonly count: number;
	readonly bytes: number;
}

export interface StoreProblem {
	/** Path in the store. */
	readonly id: string;
	readonly reason: string;
	/** Bytes on disk. */
	readonly size: number;
}

interface Survey {
	readonly items: readonly PruneItem[];
	readonly problems: readonly StoreProblem[];
}

const KINDS = ["bases", "layers", "images"] as const;
/** A download that nobody has touched for so long is given up; milliseconds. */
const DOWNLOAD_PATIENCE = 24 * 60 * 60 * 1000;

function titleOf(entry: Entry, names: readonly string[]): string {
	switch (entry.kind) {
		case "bases":
			return entry.record.ref;
		case "layers":
			return entry.record.title;
		case "images":
			return names.join(", ") || "<none>";
	}
}

/** Why an entry cannot be used, or undefined with its parent. */
function look(paths: StorePaths, entry: Entry): { reason?: string; parent?: Entry } {
	const parent = readParent(paths, entry);
	if (standsOn(entry, parent)) return parent === undefined ? {} : { parent };
	return { reason: parent === undefined ? "what it stands on is gone" : "what it stands on was replaced" };
}

/** Entries that stand on a damaged one are damaged too. */
function spread(items: PruneItem[], problems: StoreProblem[]): Survey {
	const bad = new Set(problems.map(({ id }) => id));
	for (let rest = items; ; ) {
		const next = rest.filter(({ parent }) => parent === undefined || !bad.has(parent));
		for (const { id, size } of rest.filter((item) => !next.includes(item))) {
			bad.add(id);
			problems.push({ id, size, reason: "what it stands on is damaged" });
		}
		if (next.length === rest.length) return { items: next, problems };
		rest = next;
	}
}

async function survey(paths: StorePaths): Promise<Survey> {
	const tags = readTags(paths);
	const items: PruneItem[] = [];
	const problems: StoreProblem[] = [];
	for (const kind of KINDS) {
		for (const { name, entry } of readAll(paths, kind)) {
			const id = `${kind}/${name}`;
			const size = diskUsage(join(paths.kind(kind), name));
			if (entry === undefined) {
				problems.push({ id, size, reason: "its record or its disk is missing or damaged" });
				continue;
			}
			const { reason, parent } = look(paths, entry);
			if (reason !== undefined) {
				problems.push({ id, size, reason });
				continue;
			}
			const own = tags.filter(({ record }) => kind === "images" && record.key === entry.digest);
			items.push({
				id,
				kind,
				size,
				title: titleOf(
					entry,
					own.map(({ reference }) => formatReference(reference)),
				),
				lastUse: await lastUse(paths, kind, entry.digest),
				named: own.length > 0,
				...(parent === undefined ? {} : { parent: markId(parent.kind, parent.digest) }),
			});
		}
	}
	return spread(items, problems);
}

/** Unusable entries, for `nodebuild doctor`. */
export async function findProblems(paths: StorePaths): Promise<readonly StoreProblem[]> {
	return (await survey(paths)).problems;
}

function share(sizes: readonly { readonly size: number }[]): Share {
	return { count: sizes.length, bytes: sizes.reduce((sum, { size }) => sum + size, 0) };
}

export async function measureUsage(paths: StorePaths, live: LiveStore): Promise<StoreUsage> {
	const { items, problems } = await survey(paths);
	const states = await live.list();
	const inLayers = share(states).bytes;
	const unused = share(live.ram.unused(states)).bytes;
	const of = (kind: DiskKind): Share => share(items.filter((item) => item.kind === kind));
	const damaged = share(problems);
	return {
		bases: of("bases"),
		layers: { ...of("layers"), bytes: of("layers").bytes - inLayers },
		images: of("images"),
		caches: await cacheShare(paths),
		live: { count: states.length, bytes: inLayers + share(live.ram.list()).bytes },
		damaged,
		downloads: diskUsage(paths.downloads),
		tmp: diskUsage(paths.tmp),
		total: diskUsage(paths.home),
		reclaimable: damaged.bytes + unused + share(choosePruned(items, {}, new Set(), Date.now())).bytes,
	};
}

async function cacheShare(paths: StorePaths): Promise<Share> {
	const count = (await readdir(paths.caches).catch(() => [])).length;
	return { count, bytes: count === 0 ? 0 : diskUsage(paths.caches) };
}

async function staleDownloads(paths: StorePaths): Promise<readonly PrunedEntry[]> {
	const found: PrunedEntry[] = [];
	for (const name of await readdir(paths.downloads).catch(() => [])) {
		const path = join(paths.downloads, name);
		const touched = (await lstat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
		if (Date.now() - touched < DOWNLOAD_PATIENCE) continue;
		found.push({ kind: "download", id: `downloads/${name}`, title: name, size: diskUsage(path) });
	}
	return found;
}

/** Names of images that are gone mean nothing any more. */
async function dropEmptyTags(paths: StorePaths): Promise<void> {
	for (const { reference, record } of readTags(paths)) {
		if (!(await exists(paths.entry("images", record.key)))) await removeTag(paths, reference);
	}
}

/** What a policy gives up, damaged entries in any case, never what a running process uses. */
async function choose(
	paths: StorePaths,
	marks: Marks,
	live: LiveStore,
	policy: PrunePolicy,
	caches: readonly PruneItem[],
): Promise<readonly PrunedEntry[]> {
	const { items, problems } = await survey(paths);
	const inUse = new Set([...(await marks.others()), ...marks.own()]);
	const damaged = policy.only === undefined ? problems.filter(({ id }) => !inUse.has(id)) : [];
	const { states, lighter, rest } = await pruneLive(live, [...items, ...caches], policy, inUse);
	const disks = choosePruned(lighter, rest, inUse, Date.now());
	const chosen: readonly PrunedEntry[] = [
		...damaged.map(({ id, reason, size }) => ({ kind: "damaged", id, title: reason, size }) as const),
		...states,
		...disks,
		...(policy.only === undefined ? await findLeftovers(paths) : []),
		...(policy.only === undefined ? await unusedMemory(live, [...states, ...disks]) : []),
		...(policy.all === true && policy.only === undefined ? await staleDownloads(paths) : []),
	];
	return chosen.map(({ kind, id, title, size }) => ({ kind, id, title, size }));
}

function reportOf(removed: readonly PrunedEntry[], dryRun: boolean): PruneReport {
	return { removed, freed: removed.reduce((sum, { size }) => sum + size, 0), dryRun };
}

/**
 * Remove what the policy gives up. The store is locked only while folders are renamed away; the removing itself comes
 * after. A dry run only reads: it takes no locks.
 */
export async function prune(
	paths: StorePaths,
	marks: Marks,
	live: LiveStore,
	policy: PrunePolicy,
): Promise<PruneReport> {
	if (policy.dryRun === true) return reportOf(await choose(paths, marks, live, policy, await idleCaches(paths)), true);
	const graves: (string | undefined)[] = [];
	await using caches = await holdIdleCaches(paths);
	const removed = await locked(paths, async () => {
		const chosen = await choose(paths, marks, live, policy, caches.items);
		for (const { id, kind } of chosen) {
			if (kind === "memory") await live.ram.remove(basename(id));
			else graves.push(await takeAway(paths, join(paths.home, id)));
		}
		await sweepTemps(paths);
		await dropEmptyTags(paths);
		await dropLostRefs(paths);
		return chosen;
	});
	for (const grave of graves) await discard(grave);
	return reportOf(removed, false);
}
