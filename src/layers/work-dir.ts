/** Work in progress of this process, in a folder under tmp/ that the next run removes after a kill. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { whenFull } from "../system/files.ts";
import { ownedName } from "../system/owner.ts";
import type { StorePaths } from "./paths.ts";

export interface WorkDir extends AsyncDisposable {
	/** Absolute, 0700; overlays that lie directly in it name their backing file with backingName(). */
	readonly path: string;
	/** What else ends with it, before the folder goes. */
	onRelease(work: () => Promise<void>): void;
	/** Remove the folder with all that is in it. */
	release(): Promise<void>;
}

export async function makeWorkDir(paths: StorePaths): Promise<WorkDir> {
	const path = join(paths.tmp, ownedName());
	await whenFull({ path: paths.home, action: "make a work folder" }, () => mkdir(path, { mode: 0o700 }));
	const ending: (() => Promise<void>)[] = [];
	const release = async (): Promise<void> => {
		await Promise.all(ending.splice(0).map((work) => work()));
		await rm(path, { recursive: true, force: true });
	};
	return { path, onRelease: (work) => void ending.push(work), release, [Symbol.asyncDispose]: release };
}
