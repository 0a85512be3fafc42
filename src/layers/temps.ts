/** Unfinished small files that killed processes left beside what they were writing. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { removeStaleTemps } from "../system/files.ts";
import type { StorePaths } from "./paths.ts";

/** Entries never hold any; work in progress and locks are looked after whenever the store is opened. */
const ELSEWHERE: ReadonlySet<string> = new Set(["bases", "layers", "images", "caches", "tmp", "locks"]);

/** Remove them from wherever the store keeps small files: names, epochs, caches. */
export async function sweepTemps(paths: StorePaths): Promise<void> {
	await sweepFolder(paths.home, ELSEWHERE);
}

async function sweepFolder(folder: string, skipped?: ReadonlySet<string>): Promise<void> {
	await removeStaleTemps(folder);
	for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => []))
		if (entry.isDirectory() && skipped?.has(entry.name) !== true) await sweepFolder(join(folder, entry.name));
}
