/** Files that builds wrote of an image, as long as they are what was written: what a platform's catalog names. */
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isErrno, whenFull } from "../system/files.ts";
import { ownedName } from "../system/owner.ts";
import type { StorePaths } from "./paths.ts";
import type { Image } from "./types.ts";

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
 * Keep what a build wrote; the caller holds the store's lock. An image that is gone meanwhile keeps nothing.
 * @param files `sha256`: hexadecimal, empty where none was asked for; such a file is not kept
 */
export async function keepWritten(
	paths: StorePaths,
	image: Image,
	files: readonly { readonly path: string; readonly sha256: string }[],
): Promise<void> {
	const added: Kept[] = [];
	for (const { path, sha256 } of files) {
		const found = await stat(path).catch(() => undefined);
		if (found === undefined || sha256 === "") continue;
		added.push({ path: resolve(path), size: found.size, checksum: `sha256:${sha256}`, modified: found.mtimeMs });
	}
	if (added.length === 0) return;
	const older = (await read(image)).filter(({ path }) => !added.some((one) => one.path === path));
	await put(paths, `${JSON.stringify([...older, ...added].slice(-KEPT))}\n`, recordOf(image));
}

/** Through tmp/, where the next run finds what a kill leaves: an entry's folder is not looked through. */
async function put(paths: StorePaths, content: string, record: string): Promise<void> {
	const folder = join(paths.tmp, ownedName());
	try {
		await whenFull({ path: paths.home, action: "note which files were written" }, async () => {
			await mkdir(folder, { mode: 0o700 });
			await writeFile(join(folder, NAME), content, { mode: 0o600 });
		});
		await rename(join(folder, NAME), record).catch((error: unknown) => {
			if (!isErrno(error, "ENOENT")) throw error;
		});
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
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
