/**
 * Live states: what lets a machine be resumed at a layer instead of booted. They are accelerators: any
 * of them may go at any time. A state lies in its layer's folder, the RAM files it stands on in ram/.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Digest, hexOf } from "../digest.ts";
import { diskUsage, isErrno, namesIn, readText } from "../system/files.ts";
import { readEntry } from "./entries.ts";
import { chooseCold, chooseDropped, type KeptState } from "./live-policy.ts";
import { digestOfName, type StorePaths } from "./paths.ts";
import { createRamStore, type RamStore } from "./ram-store.ts";

export { ZERO_RAM } from "./ram-store.ts";

export interface LiveStore {
	readonly ram: RamStore;
	/** Folder of a layer's live state for such a machine, when there is one; its last use is now. */
	find(layer: Digest, fits: Digest): Promise<string | undefined>;
	/** Put a state into its layer's folder in one step; one that is there is replaced. False: the layer is gone. */
	commit(layer: Digest, fits: Digest, folder: string): Promise<boolean>;
	/**
	 * How the first step of a machine that was resumed there ended. One that crashes the machine may do that to any; where
	 * it happens twice in a row the state goes, so that the machine boots.
	 */
	judge(layer: Digest, fits: Digest, outcome: "served" | "crashed"): Promise<void>;
	/** What the system does not let us remove stays. */
	drop(layer: Digest, fits: Digest): Promise<void>;
	list(): Promise<readonly KeptState[]>;
	/** Drop what chooseDropped says for a quota in bytes, and RAM files that nothing stands on. */
	trim(quota: number): Promise<void>;
	/** Pack what chooseCold says, one RAM file after the other, until the signal fires. Nothing that fails on the way is told. */
	packCold(signal: AbortSignal): Promise<void>;
}

/** In a layer's folder: one folder for each kind of machine that has a state there. */
const LIVE = "live";
/** In a state's folder: instance of the layer that it was taken at, which is another one when that was built again. */
const OF = "instance";
/** In a state's folder: name of its RAM file, which the record has among a hundred thousand numbers of pages. */
const ON = "ram";
/** In a state's folder: the machine that was last resumed there crashed in its first step. */
const CRASHED = "crashed";

export function createLiveStore(paths: StorePaths): LiveStore {
	const ram = createRamStore(paths);
	const folderOf = (layer: Digest, fits: Digest): string => join(paths.entry("layers", layer), LIVE, hexOf(fits));

	const find = async (layer: Digest, fits: Digest): Promise<string | undefined> => {
		const folder = folderOf(layer, fits);
		try {
			const entry = readEntry(paths, "layers", layer);
			if (entry === undefined || readText(join(folder, OF)) !== entry.record.instance) return undefined;
			const now = new Date();
			await utimes(folder, now, now);
			return folder;
		} catch {
			// None, or what the system does not let us use.
			return undefined;
		}
	};

	const drop = (layer: Digest, fits: Digest): Promise<void> => remove(folderOf(layer, fits)).catch(() => undefined);

	const judge = async (layer: Digest, fits: Digest, outcome: "served" | "crashed"): Promise<void> => {
		const mark = join(folderOf(layer, fits), CRASHED);
		const marked = existsSync(mark);
		if (outcome === "served" && marked) await rm(mark, { force: true }).catch(() => undefined);
		if (outcome === "crashed" && marked) await drop(layer, fits);
		// Dropped meanwhile, or no room.
		if (outcome === "crashed" && !marked) await writeFile(mark, "", { mode: 0o600 }).catch(() => undefined);
	};

	const commit = async (layer: Digest, fits: Digest, folder: string): Promise<boolean> => {
		await drop(layer, fits);
		const target = folderOf(layer, fits);
		const entry = readEntry(paths, "layers", layer);
		if (entry === undefined) return false;
		try {
			await writeFile(join(folder, OF), entry.record.instance, { mode: 0o600 });
			await writeFile(join(folder, ON), recordedRam(folder), { mode: 0o600 });
			await mkdir(dirname(target), { mode: 0o700 }).catch((error: unknown) => {
				if (!isErrno(error, "EEXIST")) throw error;
			});
			await rename(folder, target);
			return true;
		} catch (error) {
			// Pruned, or another build's state was just put there, which is as good.
			if (isErrno(error, "ENOENT", "ENOTEMPTY", "EEXIST")) return false;
			throw error;
		}
	};

	const list = async (): Promise<readonly KeptState[]> => {
		const layers = paths.kind("layers");
		// Most layers have none, and to ask for what is not there takes less than to fail.
		const found = namesIn(layers).filter((name) => existsSync(join(layers, name, LIVE)));
		return (await Promise.all(found.map((name) => look(join(layers, name), name)))).flat();
	};

	const trim = async (quota: number): Promise<void> => {
		const states = await list();
		const sizes = new Map(ram.list().map(({ name, size }) => [name, size]));
		const dropped = new Set(chooseDropped(states, sizes, quota));
		for (const { layer, fits } of dropped) await drop(layer, fits);
		for (const { name } of ram.unused(states.filter((state) => !dropped.has(state)))) await ram.remove(name);
	};

	const packCold = async (signal: AbortSignal): Promise<void> => {
		for (const name of chooseCold(await list(), ram.list(), Date.now())) {
			if (signal.aborted) return;
			// It costs room, nothing else: no gzip, a full disk, or the build has ended.
			await ram.pack(name, signal).catch(() => undefined);
		}
	};

	return { ram, find, judge, commit, drop, list, trim, packCold };
}

/** A layer's states; graves that a killed process left beside them are removed on the way. */
async function look(folder: string, name: string): Promise<readonly KeptState[]> {
	const layer = digestOfName(name);
	const names = layer === undefined ? [] : namesIn(join(folder, LIVE));
	const found = names.map(async (one): Promise<readonly KeptState[]> => {
		const path = join(folder, LIVE, one);
		const fits = digestOfName(one);
		if (fits === undefined) await rm(path, { recursive: true, force: true });
		if (fits === undefined || layer === undefined) return [];
		try {
			const on = readText(join(path, ON)) ?? recordedRam(path);
			const { parent } = JSON.parse(readFileSync(join(folder, "layer.json"), "utf8")) as { parent?: Digest };
			const { mtimeMs: lastUse } = statSync(path);
			const size = diskUsage(path);
			return [{ layer, fits, ram: on, size, lastUse, ...(parent === undefined ? {} : { parent }) }];
		} catch {
			return []; // one that is just coming or going
		}
	});
	return (await Promise.all(found)).flat();
}

/** @throws when the state has no record that can be read. */
function recordedRam(folder: string): string {
	const { record } = JSON.parse(readFileSync(join(folder, "live.json"), "utf8")) as { record?: { ram?: unknown } };
	return String(record?.ram);
}

/** Renamed first, so that nobody finds half a state. */
async function remove(folder: string): Promise<void> {
	const grave = `${folder}-${randomBytes(6).toString("hex")}`;
	try {
		await rename(folder, grave);
	} catch (error) {
		if (isErrno(error, "ENOENT")) return;
		throw error;
	}
	await rm(grave, { recursive: true, force: true });
}
