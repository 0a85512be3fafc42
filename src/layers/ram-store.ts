/**
 * RAM files: what memory overlays stand on. One is shared by all machines and states that go on from it, and never
 * changes; it goes when no state stands on it any more.
 */
import { randomBytes } from "node:crypto";
import { constants, existsSync, statSync } from "node:fs";
import { copyFile, type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, namesIn, readText, writeFileAtomic } from "../system/files.ts";
import { run } from "../system/process.ts";
import type { StorePaths } from "./paths.ts";
import { contentOf, pack as packFile, unpack } from "./ram-pack.ts";
import { makeWorkDir } from "./work-dir.ts";

/** A RAM file that is all holes: what a machine begins with. */
export const ZERO_RAM = "zero";

export interface RamFile {
	readonly name: string;
	/** Bytes on disk. */
	readonly size: number;
	/** Milliseconds since the epoch. */
	readonly made: number;
	/** Nobody has used it for long; whoever does takes it out again. */
	readonly packed: boolean;
}

/** A RAM file that stays as long as it is held, whoever drops it. */
export interface HeldRam {
	/** For this process and those that it starts, while it holds the file. */
	readonly path: string;
	close(): Promise<void>;
}

export interface RamStore {
	/** Undefined: it is gone, or not what was made. */
	hold(name: string): Promise<HeldRam | undefined>;
	/** A writable copy of a RAM file (or of zeros) of `size` bytes; false: it is gone, or not what was made. */
	copy(name: string, size: number, to: string): Promise<boolean>;
	/** Move a finished RAM file into the store; the name it has from now on. Until `placed` is called it is not `unused`. */
	add(file: string): Promise<string>;
	/** A state stands on what was added, or none will. */
	placed(name: string): void;
	/** RAM files that none of the states stands on, apart from those that one is just being made for. */
	unused(states: readonly { readonly ram: string }[]): readonly RamFile[];
	list(): readonly RamFile[];
	remove(name: string): Promise<void>;
	/** Have it take less room; false: it is not what was made, and goes. @throws Error ENOENT when it is gone, and as `pack` of ram-pack.ts. */
	pack(name: string, signal: AbortSignal): Promise<boolean>;
	/** The digests of what was added are known: it can be used after the host was booted anew, too. */
	settled(): Promise<void>;
}

/** Beside a RAM file: what it was when it was made. */
interface Seal {
	readonly version: 3;
	/** Of the file: what is said of one is not true of another. */
	readonly name: string;
	/** Bytes. */
	readonly length: number;
	/** See `contentOf` of ram-pack.ts; absent until somebody has had the time to read it. */
	readonly sha256?: string;
	/** See `identityOf`: the file that has this content. */
	readonly seen: string;
}

const SEAL = ".json";
const PACKED = ".gz";
/** One that another process has just added may be about to be stood on: it stays for a while. Milliseconds. */
const YOUNG = 60_000;

export function createRamStore(paths: StorePaths): RamStore {
	const folder = join(paths.home, "ram");
	const pending = new Set<Promise<void>>();
	/** What was added here; true: a state is just being made for it. */
	const ours = new Map<string, boolean>();

	const readSeal = (name: string): Seal | undefined => {
		try {
			const seal = JSON.parse(readText(join(folder, name + SEAL)) ?? "") as Seal;
			return seal.version === 3 && seal.name === name ? seal : undefined;
		} catch {
			return undefined; // none, or half of one
		}
	};

	const writeSeal = async (name: string, seal: Seal): Promise<void> => {
		const path = join(folder, name);
		await writeFileAtomic(path + SEAL, JSON.stringify(seal));
		// Dropped meanwhile: see `remove`.
		if (!existsSync(path) && !existsSync(path + PACKED)) await rm(path + SEAL, { force: true });
	};

	/** Open, if it is what was made: the same file unchanged, or one with the same content. @throws Error of the system. */
	const openWhole = async (name: string): Promise<FileHandle | undefined> => {
		const file = await open(join(folder, name), "r");
		const seal = readSeal(name);
		const found = await identityOf(file);
		if (seal !== undefined && seal.seen === found.seen) {
			// Its maker may have ended before.
			if (seal.sha256 === undefined) settle(name);
			return file;
		}
		if (seal?.sha256 !== undefined && found.length === seal.length && (await contentOf(file)) === seal.sha256) {
			// Without room for a few bytes it is read again next time.
			await writeSeal(name, { ...seal, seen: found.seen }).catch(() => undefined);
			return file;
		}
		await file.close();
		return undefined;
	};

	/** Nothing where it cannot be: then there is none. */
	const takeOut = async (name: string): Promise<void> => {
		const [path, packed] = [join(folder, name), join(folder, name + PACKED)];
		const seal = existsSync(path) || !existsSync(packed) ? undefined : readSeal(name);
		if (seal === undefined) return;
		try {
			await using work = await makeWorkDir(paths);
			const file = join(work.path, "ram");
			if ((await unpack(packed, file, seal.length)) !== seal.sha256) return;
			await rename(file, path);
			await using taken = await open(path, "r");
			await writeSeal(name, { ...seal, seen: (await identityOf(taken)).seen });
			await rm(packed, { force: true });
		} catch {
			// Damaged, no room for it, or dropped meanwhile.
		}
	};

	const pack = async (name: string, signal: AbortSignal): Promise<boolean> => {
		const path = join(folder, name);
		await using file = await open(path, "r");
		await using work = await makeWorkDir(paths);
		const packed = join(work.path, "packed");
		const content = await packFile(file, packed, signal);
		const seal = readSeal(name);
		const known = seal?.sha256 ?? (seal?.seen === (await identityOf(file)).seen ? content : undefined);
		if (seal === undefined || known !== content) {
			await remove(name);
			return false;
		}
		await writeSeal(name, { ...seal, sha256: content });
		await rename(packed, path + PACKED);
		// Without a seal it was dropped meanwhile. Who holds it goes on with what has no name any more.
		await rm(existsSync(path + SEAL) ? path : path + PACKED, { force: true });
		return true;
	};

	const hold = async (name: string): Promise<HeldRam | undefined> => {
		await takeOut(name);
		// Whatever the system says of it: machines boot without one.
		const file = await openWhole(name).catch(() => undefined);
		return file && { path: `/proc/${process.pid}/fd/${file.fd}`, close: () => file.close() };
	};

	const copy = async (name: string, size: number, to: string): Promise<boolean> => {
		if (name !== ZERO_RAM) {
			const held = await hold(name);
			if (held === undefined) return false;
			try {
				const copied = await run("cp", ["--sparse=always", "--reflink=auto", "--", held.path, to]);
				if (copied.status !== 0) await copyFile(held.path, to, constants.COPYFILE_FICLONE);
			} finally {
				await held.close();
			}
		}
		const file = await open(to, name === ZERO_RAM ? "wx" : "r+", 0o600);
		await file.truncate(size);
		await file.close();
		return true;
	};

	/** To read hundreds of MiB takes a while: nobody waits for that. */
	const settle = (name: string): void => {
		const settling = settleNow(name)
			// Dropped meanwhile, or no room for a few bytes: then it is not used in another boot of the host.
			.catch(() => undefined)
			.finally(() => pending.delete(settling));
		pending.add(settling);
	};

	const settleNow = async (name: string): Promise<void> => {
		const seal = readSeal(name);
		await using file = await open(join(folder, name), "r");
		const content = await contentOf(file);
		// Somebody has written to it: nobody knows what it was.
		if (seal === undefined || (await identityOf(file)).seen !== seal.seen) return;
		await writeSeal(name, { ...seal, sha256: content });
	};

	const add = async (path: string): Promise<string> => {
		await makeFolder(folder, 0o700);
		const name = randomBytes(12).toString("hex");
		await rename(path, join(folder, name));
		await using file = await open(join(folder, name), "r");
		await writeSeal(name, { version: 3, name, ...(await identityOf(file)) });
		ours.set(name, true);
		settle(name);
		return name;
	};

	const unused = (states: readonly { readonly ram: string }[]): readonly RamFile[] => {
		const needed = new Set(states.map(({ ram }) => ram));
		const isYoung = ({ name, made }: RamFile): boolean => ours.get(name) ?? Date.now() - made <= YOUNG;
		return list().filter((ram) => !needed.has(ram.name) && !isYoung(ram));
	};

	const list = (): readonly RamFile[] =>
		[...new Set(namesIn(folder).map((name) => name.replace(PACKED, "")))]
			.filter((name) => /^[0-9a-f]{24}$/.test(name))
			.map((name) => look(folder, name))
			.filter((one) => one !== undefined);

	const remove = async (name: string): Promise<void> => {
		const [plain, packed, seal] = ["", PACKED, SEAL].map((suffix) => join(folder, name + suffix));
		// Whoever writes another one of them looks afterwards whether the file is still there: one of us two removes it.
		for (const path of [seal, plain, packed, seal]) if (path !== undefined) await rm(path, { force: true });
	};

	const settled = async (): Promise<void> => {
		await Promise.all(pending);
	};

	return { hold, copy, add, placed: (name) => void ours.set(name, false), unused, list, remove, pack, settled };
}

/**
 * Length of a file, and what tells within one boot of the host that it is the same one, unchanged: the time of its status
 * changes with each writing, and no program can set it (inode(7)). Over a boot it tells nothing of what has come to the disk.
 */
async function identityOf(file: FileHandle): Promise<{ readonly length: number; readonly seen: string }> {
	const { dev, ino, size, ctimeNs } = await file.stat({ bigint: true });
	return { length: Number(size), seen: [await bootId(), dev, ino, size, ctimeNs].join(" ") };
}

function look(folder: string, name: string): RamFile | undefined {
	const [plain, packed] = ["", PACKED].map((suffix) =>
		statSync(join(folder, name + suffix), { throwIfNoEntry: false }),
	);
	const made = plain?.mtimeMs ?? packed?.mtimeMs;
	const size = ((plain?.blocks ?? 0) + (packed?.blocks ?? 0)) * 512;
	return made === undefined ? undefined : { name, size, made, packed: plain === undefined };
}

async function bootId(): Promise<string> {
	return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}
