/** What lies at a path that a user named. */
import { lstatSync, statSync } from "node:fs";

export type WhatLies =
	| "file"
	| "folder"
	| "nothing"
	| "a broken symlink"
	| "a circle of symlinks"
	| "a path that this user may not follow"
	| "a path that is too long"
	| "a path that cannot be used";

/** Never throws: that the system refuses a path is what has to be said of it. */
export function whatLies(path: string): WhatLies {
	try {
		return statSync(path).isDirectory() ? "folder" : "file";
	} catch (error) {
		const code = error instanceof Error && "code" in error ? error.code : undefined;
		if (code === "ELOOP") return "a circle of symlinks";
		if (code === "ENOTDIR") return "nothing";
		if (code === "EACCES") return "a path that this user may not follow";
		if (code === "ENAMETOOLONG") return "a path that is too long";
		if (code !== "ENOENT") return "a path that cannot be used";
		return lstatSync(path, { throwIfNoEntry: false }) === undefined ? "nothing" : "a broken symlink";
	}
}
