/** Files that builds wrote of an image, as long as they are what was written: what a platform's catalog names. */
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isErrno } from "../system/files.ts";
import type { StorePaths } from "./paths.ts";
import type { Image } from "./types.ts";
import { makeWorkDir } from "./work-dir.ts";

export interface WrittenFile {
	/** Absolute. */
	readonly path: string;
	/** Bytes, as its reader counts them. */
	readonly size: number;
	readonly checksum: string;
}

/** With the time of its last change, in milliseconds: another file under the same name is not the one that was written. */
interface Kept extends WrittenFile {
	readonly modified: number;
}

/** Beside the image's record. */
const NAME = "written.json";
/** Newest of them that are kept. */
const KEPT = 16;

const recordOf = (image: Image): string => join(dirname(image.disk), NAME);

function isKept(value: unknown): value is Kept {
	const one = value as Partial<Record<keyof Kept, unknown>> | null;
	return (
		typeof one?.path === "string" &&
		typeof one.checksum === "string" &&
		typeof one.size === "number" &&
		typeof one.modified === "number"
	);
}

async function read(image: Image): Promise<readonly Kept[]> {
	try {
		const value: unknown = JSON.parse(await readFile(recordOf(image), "utf8"));
		return Array.isArray(value) ? value.filter(isKept) : [];
	} catch (error) {
		// A record that cannot be read is none: the files can be written again.
		if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return [];
		throw error;
	}
}

/**
 * Keep a file that a build wrote; the caller holds the store's lock.
 * @param file `sha256`: hexadecimal, empty where none was asked for; such a file is not kept
 */
export async function keepWritten(
	paths: StorePaths,
	image: Image,
	{ path: name, sha256 }: { readonly path: string; readonly sha256: string },
): Promise<void> {
	const path = resolve(name);
	const found = await stat(path).catch(() => undefined);
	if (found === undefined || sha256 === "") return;
	const kept: Kept = { path, size: found.size, checksum: `sha256:${sha256}`, modified: found.mtimeMs };
	const all = [...(await read(image)).filter((one) => one.path !== path), kept].slice(-KEPT);
	// In tmp/ the next run finds what a kill leaves; an entry's folder is not looked through.
	await using work = await makeWorkDir(paths);
	const staged = join(work.path, NAME);
	await writeFile(staged, `${JSON.stringify(all)}\n`, { mode: 0o600 });
	await rename(staged, recordOf(image));
}

/** Those that are still what was written, newest last. */
export async function writtenFiles(image: Image): Promise<readonly WrittenFile[]> {
	const all = await Promise.all(
		(await read(image)).map(async ({ modified, ...file }) => {
			const found = await stat(file.path).catch(() => undefined);
			return found?.size === file.size && found.mtimeMs === modified ? [file] : [];
		}),
	);
	return all.flat();
}
