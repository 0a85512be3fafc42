/** What the system says of the store's own files: no defect of nodebuild, but of the folder that it was given. */
import { resolve, sep } from "node:path";
import { NodebuildError } from "../errors.ts";

/** Codes that tell of rights, of the disk, and of things in the way; others tell of a defect of ours. */
const OF_THE_PLACE: ReadonlySet<string> = new Set([
	...["EACCES", "EPERM", "EROFS", "EIO", "ESTALE", "EBUSY"],
	...["ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"],
]);
const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/** STORE_INVALID, or HOST_DISK_FULL, for a system error about a path in the store at `home`; else undefined. */
export function storeFault(home: string, error: unknown): NodebuildError | undefined {
	if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
	if (FULL.has(error.code)) return full(home, error);
	if (!OF_THE_PLACE.has(error.code)) return undefined;
	const paths = ["path" in error ? error.path : undefined, "dest" in error ? error.dest : undefined];
	const inside = paths.some((path) => typeof path === "string" && isInside(home, path));
	return inside ? unusable(home, error.message, hintFor(error.code), error) : undefined;
}

export function unusable(home: string, message: string, hint: string, cause?: unknown): NodebuildError {
	return new NodebuildError({
		code: "STORE_INVALID",
		message: `the store ${home} cannot be used: ${message}`,
		hint,
		cause,
	});
}

/** What to do about a folder of which the system says `code`. */
export function hintFor(code: string): string {
	if (code === "EIO" || code === "ESTALE")
		return "look after the disk that it is on, or set NODEBUILD_HOME to another folder";
	if (code === "ENOTDIR" || code === "EISDIR")
		return "something else lies where the store has its files: move it away, or set NODEBUILD_HOME to another folder";
	return "make the folder and all in it writable for you, or set NODEBUILD_HOME to another";
}

/** A write that found no room names no path (write(2) knows none). */
function full(home: string, cause: Error): NodebuildError {
	const path = "path" in cause && typeof cause.path === "string" ? cause.path : home;
	return new NodebuildError({
		code: "HOST_DISK_FULL",
		message: `no space left on the host's disk, for the store or a file beside it: ${cause.message}`,
		hint: `free some space at ${path}: "nodebuild prune" removes layers that no image needs ("nodebuild prune --all" more)`,
		cause,
	});
}

function isInside(home: string, path: string): boolean {
	const full = resolve(path);
	return full === home || full.startsWith(home + sep);
}
