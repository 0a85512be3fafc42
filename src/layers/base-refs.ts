/**
 * Further references of a base: two addresses may have the same content, which lies in the store once, under the
 * reference that it was first fetched by. Each other one is a small file.
 */
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Digest } from "../digest.ts";
import { exists, makeFolder, readText, writeFileAtomic } from "../system/files.ts";
import type { StorePaths } from "./paths.ts";
import type { BaseRecord } from "./types.ts";

export type BaseRef = Pick<BaseRecord, "ref" | "architecture" | "source" | "verified" | "created">;

type StoredRef = BaseRef & { readonly digest: Digest };

/** The newest content that a reference was found to have; undefined also for a file that cannot be understood. */
export function readBaseRef(paths: StorePaths, ref: string, architecture: string): StoredRef | undefined {
	return read(paths.baseRef(ref, architecture));
}

function read(file: string): StoredRef | undefined {
	const text = readText(file);
	if (text === undefined) return undefined;
	try {
		const value: unknown = JSON.parse(text);
		return isStoredRef(value) ? value : undefined;
	} catch {
		return undefined;
	}
}

function isStoredRef(value: unknown): value is StoredRef {
	if (typeof value !== "object" || value === null) return false;
	const fields = value as Readonly<Record<string, unknown>>;
	const texts = ["ref", "architecture", "source", "verified", "created"];
	return texts.every((name) => typeof fields[name] === "string") && /^sha256:[0-9a-f]{64}$/.test(String(fields.digest));
}

/** References of bases that the store has no longer. */
export async function dropLostRefs(paths: StorePaths): Promise<void> {
	for (const name of await readdir(paths.refs).catch(() => [])) {
		const found = name.endsWith(".json") ? read(join(paths.refs, name)) : undefined;
		if (found !== undefined && !(await exists(paths.entry("bases", found.digest)))) await rm(join(paths.refs, name));
	}
}

export async function writeBaseRef(paths: StorePaths, digest: Digest, base: BaseRef): Promise<void> {
	const { ref, architecture, source, verified, created } = base;
	const file = paths.baseRef(ref, architecture);
	await makeFolder(dirname(file), 0o700);
	await writeFileAtomic(file, JSON.stringify({ version: 1, digest, ref, architecture, source, verified, created }));
}
