/** What dead processes left in the store: their work folders, with the disks of their machines, and their locks. */
import { readdirSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { diskUsage } from "../system/files.ts";
import { sweepLocks } from "../system/locks.ts";
import { ownerGone, ownerOfName } from "../system/owner.ts";
import type { StorePaths } from "./paths.ts";

export interface Leftover {
	readonly kind: "leftover";
	/** Path in the store, `tmp/<name>`. */
	readonly id: string;
	readonly title: string;
	/** Bytes on disk. */
	readonly size: number;
}

/** Names in `tmp/` whose process is gone. In the ordinary case this lists a nearly empty folder. */
async function abandoned(paths: StorePaths): Promise<readonly string[]> {
	const names: string[] = [];
	for (const name of readdirSync(paths.tmp)) {
		const owner = ownerOfName(name);
		if (owner === undefined) continue;
		const touched = (await stat(join(paths.tmp, name)).catch(() => undefined))?.mtimeMs;
		if (touched !== undefined && ownerGone(owner, Date.now() - touched)) names.push(name);
	}
	return names;
}

/** For `nodebuild prune`, which says what it removes; any other command removes it without a word. */
export async function findLeftovers(paths: StorePaths): Promise<readonly Leftover[]> {
	const names = await abandoned(paths).catch(() => []);
	return Promise.all(
		names.map(async (name) => ({
			kind: "leftover" as const,
			id: `tmp/${name}`,
			title: "work folder of a process that is gone",
			size: diskUsage(join(paths.tmp, name)),
		})),
	);
}

/** Remove all of it. */
export async function sweepLeftovers(paths: StorePaths): Promise<void> {
	for (const name of await abandoned(paths)) await rm(join(paths.tmp, name), { recursive: true, force: true });
	await sweepLocks(paths.locks);
}
