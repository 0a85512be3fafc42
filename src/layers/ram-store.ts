/**
 * RAM files: what memory overlays stand on. One is shared by all machines and states that go on from it, and never
 * changes; it goes when no state stands on it any more.
 */
import { randomBytes } from "node:crypto";
import { constants, statSync } from "node:fs";
import { copyFile, link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fsyncFile, isErrno, makeFolder, namesIn, writeFileAtomic } from "../system/files.ts";
import { run } from "../system/process.ts";
import type { StorePaths } from "./paths.ts";

/** A RAM file that is all holes: what a machine begins with. */
export const ZERO_RAM = "zero";

export interface RamFile {
	readonly name: string;
	/** Bytes on disk. */
	readonly size: number;
	/** Milliseconds since the epoch. */
	readonly made: number;
}

export interface RamStore {
	/** A further name for a RAM file in a work folder, so that it stays while it is used; false: it is gone or not whole. */
	link(name: string, to: string): Promise<boolean>;
	/** A writable copy of a RAM file (or of zeros) of `size` bytes; false: it is gone or not whole. */
	copy(name: string, size: number, to: string): Promise<boolean>;
	/** Move a finished RAM file into the store; the name it has from now on. */
	add(file: string): Promise<string>;
	list(): readonly RamFile[];
	remove(name: string): Promise<void>;
	/** What was added is on disk, over a power loss too. */
	settled(): Promise<void>;
}

/** Beside a RAM file: what it was when it was whole. */
interface Seal {
	readonly version: 1;
	/** Bytes. */
	readonly length: number;
	/** Milliseconds since the epoch; whoever writes to the file changes it. */
	readonly modified: number;
	/** Boot of the host in which it was made: before it is on disk, it is worth nothing in another. */
	readonly boot: string;
	readonly onDisk: boolean;
}

const SEAL = ".json";

export function createRamStore(paths: StorePaths): RamStore {
	const folder = join(paths.home, "ram");
	const pending = new Set<Promise<void>>();
	/** Seals that are being written for files that have come to the disk, by name. */
	const sealing = new Map<string, Promise<void>>();
	const dropped = new Set<string>();

	const whole = async (name: string): Promise<boolean> => {
		try {
			const kept = JSON.parse(await readFile(join(folder, name + SEAL), "utf8")) as Seal;
			const { size, mtimeMs } = await stat(join(folder, name));
			if (kept.version !== 1 || size !== kept.length || Math.trunc(mtimeMs) !== kept.modified) return false;
			if (!kept.onDisk && kept.boot !== (await bootId())) return false;
			// Its maker may have ended before it was on disk; by now it mostly is.
			if (!kept.onDisk) settle(name);
			return true;
		} catch {
			return false; // none, or one that is just going
		}
	};

	const linkTo = async (name: string, to: string): Promise<boolean> => {
		try {
			await link(join(folder, name), to);
		} catch (error) {
			if (isErrno(error, "ENOENT")) return false;
			throw error;
		}
		return whole(name);
	};

	const copy = async (name: string, size: number, to: string): Promise<boolean> => {
		if (name !== ZERO_RAM) {
			if (!(await whole(name))) return false;
			const from = join(folder, name);
			const copied = await run("cp", ["--sparse=always", "--reflink=auto", "--", from, to]);
			if (copied.status !== 0) await copyFile(from, to, constants.COPYFILE_FICLONE);
		}
		const file = await open(to, name === ZERO_RAM ? "wx" : "r+", 0o600);
		await file.truncate(size);
		await file.close();
		return true;
	};

	const seal = async (name: string, onDisk: boolean): Promise<void> => {
		const { size, mtimeMs } = await stat(join(folder, name));
		const text: Seal = { version: 1, length: size, modified: Math.trunc(mtimeMs), boot: await bootId(), onDisk };
		await writeFileAtomic(join(folder, name + SEAL), JSON.stringify(text));
	};

	/** Hundreds of MiB take the disk a while: nobody waits for them before the process ends. */
	const settle = (name: string): void => {
		const sealed = (): Promise<void> => {
			if (dropped.has(name)) return Promise.resolve();
			const work = seal(name, true);
			sealing.set(name, work);
			return work.finally(() => sealing.delete(name));
		};
		const settling = fsyncFile(join(folder, name))
			.then(sealed)
			// Dropped meanwhile, or no room for a few bytes: then it is not used in another boot of the host.
			.catch(() => undefined)
			.finally(() => pending.delete(settling));
		pending.add(settling);
	};

	const add = async (file: string): Promise<string> => {
		await makeFolder(folder, 0o700);
		const name = randomBytes(12).toString("hex");
		await rename(file, join(folder, name));
		await seal(name, false);
		settle(name);
		return name;
	};

	const list = (): readonly RamFile[] =>
		namesIn(folder)
			.filter((name) => /^[0-9a-f]{24}$/.test(name))
			.map((name) => look(folder, name))
			.filter((one) => one !== undefined);

	const remove = async (name: string): Promise<void> => {
		dropped.add(name);
		// A seal that is just being written would come back.
		await sealing.get(name)?.catch(() => undefined);
		for (const path of [join(folder, name + SEAL), join(folder, name)]) await rm(path, { force: true });
	};

	const settled = async (): Promise<void> => {
		await Promise.all(pending);
	};

	return { link: linkTo, copy, add, list, remove, settled };
}

function look(folder: string, name: string): RamFile | undefined {
	const status = statSync(join(folder, name), { throwIfNoEntry: false });
	return status && { name, size: status.blocks * 512, made: status.mtimeMs };
}

async function bootId(): Promise<string> {
	return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}
