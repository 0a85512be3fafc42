/** Where the sources of a COPY land in the guest, as tonistiigi/fsutil's copy decides it. Pure. */

import { cleanPath } from "./match.ts";
import type { CopySource, Placement, ResolvedCopy } from "./types.ts";

export interface Destination {
	/**
	 * Absolute guest path, symlinks of what exists resolved in the guest; a trailing slash says: a directory.
	 */
	readonly dest: string;
	/** It exists in the guest and is a directory, or a symlink to one. */
	readonly destIsDirectory: boolean;
}

/**
 * A directory's content goes into the destination; a file goes to the destination, or under its own name into it when
 * it ends in "/" or is a directory by then; an archive is unpacked into it. Sources are taken one after the other, so
 * several files on a destination that is no directory overwrite each other, as in BuildKit.
 */
export function planLayout(copy: Pick<ResolvedCopy, "sources">, destination: Destination): Placement {
	const dest = cleanPath(`/${destination.dest}`);
	const asDirectory = /(^|\/)\.?$/.test(destination.dest);
	const created = new Set<string>();
	let isDirectory = destination.destIsDirectory || dest === "/";
	const targets = copy.sources.map((source) => {
		const intoDirectory = asDirectory || isDirectory;
		if (intoDirectory || source.isDirectory || source.archive !== undefined) {
			for (const directory of withParents(dest)) created.add(directory);
			isDirectory = true;
		} else for (const directory of withParents(parentOf(dest))) created.add(directory);
		return targetOf(source, dest, intoDirectory);
	});
	return { targets, createdParents: [...created] };
}

function targetOf(source: CopySource, dest: string, intoDirectory: boolean): string {
	if (source.isDirectory || source.archive !== undefined || !intoDirectory) return dest;
	return join(dest, source.name.slice(source.name.lastIndexOf("/") + 1));
}

/** Absolute guest path of an entry. */
export function join(directory: string, path: string): string {
	if (path === "") return directory;
	return directory === "/" ? `/${path}` : `${directory}/${path}`;
}

function parentOf(path: string): string {
	return path.slice(0, path.lastIndexOf("/")) || "/";
}

function withParents(path: string): readonly string[] {
	const parts = path.split("/").filter((part) => part !== "");
	return parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`);
}
