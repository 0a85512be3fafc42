/** Disks of the store whose content a file system or a crash has damaged; builds would find out on the way. */
import { NodebuildError } from "../errors.ts";
import { readAll } from "./entries.ts";
import type { StorePaths } from "./paths.ts";
import { faultOf } from "./qcow2.ts";

export interface BrokenDisk {
	/** The folder to remove. */
	readonly folder: string;
	readonly reason: string;
}

/** Reads each disk's own metadata, not its data: some milliseconds per disk. Nothing where qemu-img is missing. */
export async function findBrokenDisks(paths: StorePaths): Promise<readonly BrokenDisk[]> {
	const broken: BrokenDisk[] = [];
	try {
		for (const kind of ["bases", "layers", "images"] as const) {
			for (const { entry } of readAll(paths, kind)) {
				if (entry === undefined) continue;
				const reason = await faultOf(paths.disk(kind, entry.digest));
				if (reason !== undefined) broken.push({ folder: paths.entry(kind, entry.digest), reason });
			}
		}
	} catch (error) {
		if (!(error instanceof NodebuildError) || error.code !== "HOST_TOOL_MISSING") throw error;
	}
	return broken;
}
