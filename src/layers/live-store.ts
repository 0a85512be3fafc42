/**
 * Live states: what lets a machine be resumed at a layer instead of booted. They are accelerators: any
 * of them may go at any time. A state lies in its layer's folder, the RAM files it stands on in ram/.
 */
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { constants } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../digest.ts";
import { diskUsage, isErrno } from "../system/files.ts";
import { run } from "../system/process.ts";
import type { StorePaths } from "./paths.ts";

/** A RAM file that is all holes: what a machine begins with. */
export const ZERO_RAM = "zero";

export interface LiveStore {
	/** Folder of a layer's live state, when there is one; its last use is now. */
	find(layer: Digest): Promise<string | undefined>;
	/** Put a state into its layer's folder in one step; one that is there is replaced. */
	commit(layer: Digest, folder: string): Promise<void>;
	drop(layer: Digest): Promise<void>;
	/** Path of a RAM file; undefined when it is gone. */
	ram(name: string): Promise<string | undefined>;
	/** A writable copy of a RAM file (or of zeros) of `size` bytes in a work folder. */
	copyRam(name: string, size: number, to: string): Promise<void>;
	/** Put a finished RAM file into the store; the name it has from now on. */
	addRam(file: string): Promise<string>;
	/** Least recently used states go until all that remain take no more than `quota` bytes. */
	trim(quota: number): Promise<void>;
	/** Bytes on disk. */
	usage(): Promise<number>;
}

const LIVE = "live";
/** A RAM file that nothing refers to may be about to be: it stays for a while. Milliseconds. */
const YOUNG = 10 * 60_000;

interface Found {
	readonly folder: string;
	readonly ram: string;
	readonly size: number;
	readonly lastUse: number;
}

export function createLiveStore(paths: StorePaths): LiveStore {
	const ramFolder = join(paths.home, "ram");
	const folderOf = (layer: Digest): string => join(paths.entry("layers", layer), LIVE);

	const find = async (layer: Digest): Promise<string | undefined> => {
		const folder = folderOf(layer);
		try {
			const now = new Date();
			await utimes(folder, now, now);
			return folder;
		} catch (error) {
			if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
			throw error;
		}
	};

	const drop = async (layer: Digest): Promise<void> => remove(folderOf(layer));

	const commit = async (layer: Digest, folder: string): Promise<void> => {
		await drop(layer);
		await rename(folder, folderOf(layer));
	};

	const ram = async (name: string): Promise<string | undefined> => {
		const path = join(ramFolder, name);
		return (await stat(path).catch(() => undefined)) === undefined ? undefined : path;
	};

	const copyRam = async (name: string, size: number, to: string): Promise<void> => {
		const from = name === ZERO_RAM ? undefined : await ram(name);
		if (from !== undefined) {
			const copied = await run("cp", ["--sparse=always", "--reflink=auto", "--", from, to]);
			if (copied.status !== 0) await copyFile(from, to, constants.COPYFILE_FICLONE);
		}
		const file = await open(to, from === undefined ? "wx" : "r+", 0o600);
		await file.truncate(size);
		await file.close();
	};

	const addRam = async (file: string): Promise<string> => {
		await mkdir(ramFolder, { recursive: true, mode: 0o700 });
		const name = randomBytes(12).toString("hex");
		await rename(file, join(ramFolder, name));
		return name;
	};

	const all = async (): Promise<Found[]> => {
		const names = await readdir(paths.kind("layers")).catch(() => []);
		for (const name of names) await sweep(join(paths.kind("layers"), name));
		const found = await Promise.all(names.map((name) => look(join(paths.kind("layers"), name, LIVE))));
		return found.filter((one) => one !== undefined);
	};

	const ramSizes = async (): Promise<Map<string, { size: number; touched: number }>> => {
		const names = await readdir(ramFolder).catch(() => []);
		const sizes = new Map<string, { size: number; touched: number }>();
		for (const name of names) {
			const path = join(ramFolder, name);
			const status = await stat(path).catch(() => undefined);
			if (status !== undefined) sizes.set(name, { size: status.blocks * 512, touched: status.mtimeMs });
		}
		return sizes;
	};

	const usage = async (): Promise<number> => {
		const states = (await all()).reduce((sum, { size }) => sum + size, 0);
		return [...(await ramSizes()).values()].reduce((sum, { size }) => sum + size, states);
	};

	const trim = async (quota: number): Promise<void> => {
		const states = (await all()).sort((a, b) => b.lastUse - a.lastUse);
		const rams = await ramSizes();
		const kept = new Set<string>();
		let total = 0;
		for (const { folder, ram: name, size } of states) {
			const cost = size + (kept.has(name) ? 0 : (rams.get(name)?.size ?? 0));
			if (total + cost > quota) await remove(folder);
			else {
				total += cost;
				kept.add(name);
			}
		}
		for (const [name, { touched }] of rams)
			if (!kept.has(name) && Date.now() - touched > YOUNG) await rm(join(ramFolder, name), { force: true });
	};

	return { find, commit, drop, ram, copyRam, addRam, trim, usage };
}

/** Graves that a killed process left in a layer's folder. */
async function sweep(layer: string): Promise<void> {
	const names = await readdir(layer).catch(() => []);
	for (const name of names)
		if (name.startsWith(`${LIVE}-`)) await rm(join(layer, name), { recursive: true, force: true });
}

async function look(folder: string): Promise<Found | undefined> {
	try {
		const record = JSON.parse(await readFile(join(folder, "live.json"), "utf8")) as { ram?: unknown };
		const { mtimeMs } = await stat(folder);
		return { folder, ram: String(record.ram), size: await diskUsage(folder), lastUse: mtimeMs };
	} catch {
		return undefined; // none, or one that is just coming or going
	}
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
