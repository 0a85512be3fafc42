/**
 * Caches of RUN --mount=type=cache: disks outside every layer, which only one machine can use at a time. What is on
 * them is the guest's affair; a disk that a killed machine left is mounted again, or formatted anew, by the next one.
 */
import { mkdir, open, readdir, readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../digest.ts";
import { diskUsage, isErrno, makeFolder, whenFull } from "../system/files.ts";
import { type AcquireOptions, acquire, isHeld, type Lock, tryAcquire } from "../system/locks.ts";
import { ownedName } from "../system/owner.ts";
import type { StorePaths } from "./paths.ts";
import type { PruneItem } from "./prune.ts";

export interface OpenCache {
	/** Absolute path of a raw disk. */
	readonly file: string;
	/** Nobody has written to it yet. */
	readonly fresh: boolean;
	/** Let others have it; no machine uses it any more. */
	release(): Promise<void>;
}

export interface CacheRequest {
	/** Digest of all that makes it another cache: its id, its first content, its owner. */
	readonly identity: Digest;
	/** For people: its id. */
	readonly title: string;
	/** A cache in use is not waited for: there is another of the same identity for each machine at work. */
	readonly alone: boolean;
}

export interface CacheStore {
	open(request: CacheRequest, options?: AcquireOptions): Promise<OpenCache>;
}

const DISK = "disk.raw";
const RECORD = "cache.json";
/** Bytes; the file has holes, so that this costs nothing. */
const SIZE = 64 * 2 ** 30;
/** More machines than this do not work in one store at a time. */
const INSTANCES = 1000;

export function createCacheStore(paths: StorePaths): CacheStore {
	return {
		async open(request, options) {
			const { name, lock } = await take(paths, request, options);
			try {
				const folder = paths.cache(name);
				const file = join(folder, DISK);
				const release = (): Promise<void> => lock.release();
				const now = new Date();
				const known = await utimes(folder, now, now)
					.then(() => stat(file))
					.catch(missing);
				if (known !== undefined) return { file, fresh: known.blocks === 0, release };
				await create(paths, name, request.title);
				return { file, fresh: true, release };
			} catch (error) {
				await lock.release();
				throw error;
			}
		},
	};
}

function lockOf(paths: StorePaths, name: string): string {
	return paths.lock(`cache:${name}`);
}

async function take(
	paths: StorePaths,
	{ identity, alone }: CacheRequest,
	options?: AcquireOptions,
): Promise<{ name: string; lock: Lock }> {
	const first = hexOf(identity);
	for (let count = 1; alone && count < INSTANCES; count++) {
		const name = count === 1 ? first : `${first}-${count}`;
		const lock = await tryAcquire(lockOf(paths, name));
		if (lock !== undefined) return { name, lock };
	}
	return { name: first, lock: await acquire(lockOf(paths, first), options) };
}

/** Put in place as a whole. */
async function create(paths: StorePaths, name: string, title: string): Promise<void> {
	const temp = join(paths.tmp, ownedName());
	await whenFull({ path: paths.home, action: "make a cache" }, async () => {
		await makeFolder(paths.caches, 0o700);
		await mkdir(temp, { mode: 0o700 });
		const disk = await open(join(temp, DISK), "wx", 0o600);
		await disk.truncate(SIZE);
		await disk.close();
		await writeFile(join(temp, RECORD), `${JSON.stringify({ version: 1, title })}\n`, { mode: 0o600 });
		await rename(temp, paths.cache(name));
	});
}

function missing(error: unknown): undefined {
	if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
	throw error;
}

/** The caches that no machine uses, held until they are released, for prune to choose from. */
export interface IdleCaches extends AsyncDisposable {
	readonly items: readonly PruneItem[];
}

/** The same without holding them: what is said of them may be over already. */
export async function idleCaches(paths: StorePaths): Promise<readonly PruneItem[]> {
	const items: PruneItem[] = [];
	for (const name of await readdir(paths.caches).catch(() => []))
		if (!(await isHeld(lockOf(paths, name)))) items.push(await itemOf(paths, name));
	return items;
}

export async function holdIdleCaches(paths: StorePaths): Promise<IdleCaches> {
	const locks: Lock[] = [];
	const items: PruneItem[] = [];
	for (const name of await readdir(paths.caches).catch(() => [])) {
		const lock = await tryAcquire(lockOf(paths, name));
		if (lock === undefined) continue;
		locks.push(lock);
		items.push(await itemOf(paths, name));
	}
	const release = async (): Promise<void> => {
		for (const lock of locks) await lock.release();
	};
	return { items, [Symbol.asyncDispose]: release };
}

async function itemOf(paths: StorePaths, name: string): Promise<PruneItem> {
	const folder = paths.cache(name);
	const title = titleIn(await readFile(join(folder, RECORD), "utf8").catch(() => ""));
	const lastUse = (await stat(folder).catch(() => undefined))?.mtimeMs ?? 0;
	return { id: `caches/${name}`, kind: "caches", title: title ?? name, size: diskUsage(folder), lastUse };
}

function titleIn(json: string): string | undefined {
	try {
		const value: unknown = JSON.parse(json);
		return typeof value === "object" && value !== null && "title" in value ? String(value.title) : undefined;
	} catch {
		return undefined;
	}
}
