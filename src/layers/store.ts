/** The store: everything that lasts from one build to the next. */
import { readdir } from "node:fs/promises";
import { isErrno, makeFolder, readText, whenFull, writeFileAtomic } from "../system/files.ts";
import { type AcquireOptions, acquire, type Lock, sweepLocks } from "../system/locks.ts";
import { type BaseStore, createBaseStore } from "./base-store.ts";
import { type CacheStore, createCacheStore } from "./cache-store.ts";
import { createEpochs, type Epochs } from "./epochs.ts";
import { hintFor, unusable } from "./fault.ts";
import { createImageStore, type ImageStore } from "./image-store.ts";
import { createLayerStore, type LayerStore } from "./layer-store.ts";
import { sweepLeftovers } from "./leftovers.ts";
import { createLiveStore, type LiveStore } from "./live-store.ts";
import { createMarks } from "./marks.ts";
import { type StorePaths, storePaths } from "./paths.ts";
import type { PrunePolicy } from "./prune.ts";
import { findProblems, measureUsage, type PruneReport, prune, type StoreProblem, type StoreUsage } from "./survey.ts";
import { STORE_VERSION } from "./types.ts";
import { makeWorkDir, type WorkDir } from "./work-dir.ts";

export interface Store extends AsyncDisposable {
	readonly home: string;
	readonly layers: LayerStore;
	readonly bases: BaseStore;
	readonly images: ImageStore;
	readonly epochs: Epochs;
	readonly live: LiveStore;
	readonly caches: CacheStore;
	/** For unfinished downloads, which a later run resumes, and for what ADD fetched. */
	readonly downloadsDir: string;
	/** A lock between processes; any text may be its name. Not reentrant. */
	lock(name: string, options?: AcquireOptions): Promise<Lock>;
	/** A work folder; when this process dies, the next run removes it. */
	workDir(): Promise<WorkDir>;
	prune(policy: PrunePolicy): Promise<PruneReport>;
	usage(): Promise<StoreUsage>;
	/** Entries that cannot be used; they count as absent until prune removes them. */
	problems(): Promise<readonly StoreProblem[]>;
	/** Give up this store's marks: prune may remove what it found. Ending the process does the same. */
	close(): Promise<void>;
}

/** What may lie in a folder that is to become a store: what a maker that was killed left, and a disk's own. */
const NO_STRANGERS =
	/^(bases|layers|images|tags|caches|downloads|epochs|contexts|host|ram|refs|cache|locks|tmp|lost\+found|\..*\.tmp)$/;

/** @throws NodebuildError STORE_INVALID for a folder with files of somebody else's, which a store would get mixed up with. */
async function requireOurs(paths: StorePaths): Promise<void> {
	const names = await readdir(paths.home).catch((error: unknown) => {
		if (isErrno(error, "ENOENT")) return [];
		throw error;
	});
	const stranger = names.find((name) => !NO_STRANGERS.test(name));
	if (stranger === undefined) return;
	throw unusable(
		paths.home,
		`expected a store or an empty folder, got a folder with other files (${stranger})`,
		"set NODEBUILD_HOME to a folder that is empty or does not exist yet",
	);
}

async function create(paths: StorePaths): Promise<void> {
	await makeFolder(paths.home, 0o700);
	const folders = [paths.kind("bases"), paths.kind("layers"), paths.kind("images"), paths.tags];
	for (const folder of [...folders, paths.downloads, paths.locks, paths.tmp]) {
		await makeFolder(folder, 0o700);
	}
	// Last, so that a store with a version is whole.
	await writeFileAtomic(paths.version, `${STORE_VERSION}\n`, { durable: true });
}

/**
 * Whether there is a store, of the version that we know.
 * @throws NodebuildError STORE_INVALID
 */
export async function isStore(paths: StorePaths): Promise<boolean> {
	const found = readText(paths.version)?.trim();
	if (found === undefined) return requireOurs(paths).then(() => false);
	if (found === String(STORE_VERSION)) return true;
	const newer = /^\d+$/.test(found) && Number(found) > STORE_VERSION;
	throw unusable(
		paths.home,
		`expected version ${STORE_VERSION}, got "${found}"`,
		newer
			? "a newer nodebuild made it: update nodebuild, or set NODEBUILD_HOME to another folder"
			: "its file named version is damaged: move the store away, or set NODEBUILD_HOME to another folder",
	);
}

/** Make it if it is not there, and clean up after dead processes. */
async function makeReady(paths: StorePaths, clean: (paths: StorePaths) => Promise<unknown>): Promise<void> {
	if (!(await isStore(paths))) await create(paths);
	try {
		await clean(paths);
	} catch (error) {
		if (!isErrno(error, "ENOENT")) throw error;
		// Somebody has removed a folder by hand, or copied a store without its empty ones.
		await create(paths);
		await clean(paths);
	}
}

export interface OpenOptions {
	/** Only to look: nothing is made or cleaned up; a store that is not there is empty. Default: false. */
	readonly look?: boolean;
	/** What dead processes left stays for `prune`, which says what it removes. Default: false. */
	readonly keepLeftovers?: boolean;
}

/**
 * Open the store in `home` (absolute), making it when it is not there.
 * @throws NodebuildError STORE_INVALID when a newer version made it, the folder is another's, or it cannot be
 * read and written; HOST_DISK_FULL.
 */
export async function openStore(
	home: string,
	{ look = false, keepLeftovers = false }: OpenOptions = {},
): Promise<Store> {
	const paths = storePaths(home);
	const clean = keepLeftovers ? ({ locks }: StorePaths) => sweepLocks(locks) : sweepLeftovers;
	try {
		await (look ? isStore(paths) : whenFull({ path: home, action: "make the store" }, () => makeReady(paths, clean)));
	} catch (error) {
		// Whatever the system says of the user's own folder is no defect of ours.
		if (!(error instanceof Error && "errno" in error)) throw error;
		throw unusable(home, error.message, hintFor("code" in error ? String(error.code) : ""), error);
	}
	const marks = createMarks(paths);
	const live = createLiveStore(paths);
	return {
		home,
		layers: createLayerStore(paths, marks),
		bases: createBaseStore(paths, marks),
		images: createImageStore(paths, marks),
		epochs: createEpochs(home),
		live,
		caches: createCacheStore(paths),
		downloadsDir: paths.downloads,
		lock: (name, options) => acquire(paths.lock(`build:${name}`), options),
		workDir: () => makeWorkDir(paths),
		prune: (policy) => prune(paths, marks, live, policy),
		usage: () => measureUsage(paths, live),
		problems: () => findProblems(paths),
		close: () => marks.clear(),
		[Symbol.asyncDispose]: () => marks.clear(),
	};
}
