/** Tags: one small file each, so that moving a tag is one atomic write. */
import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, namesIn, readText, writeFileAtomic } from "../system/files.ts";
import { decodeName, type StorePaths } from "./paths.ts";
import { parseTag, type TagRecord } from "./records.ts";
import type { Reference } from "./reference.ts";

export interface Tagged {
	readonly reference: Reference;
	readonly record: TagRecord;
}

export function readTag(paths: StorePaths, { name, tag }: Reference): TagRecord | undefined {
	const text = readText(paths.tag(name, tag));
	return text === undefined ? undefined : parseTag(text);
}

/** On disk over a power loss: people rely on a name that a finished build has printed. */
export async function writeTag(paths: StorePaths, { name, tag }: Reference, record: TagRecord): Promise<void> {
	await makeFolder(paths.name(name), 0o700);
	await writeFileAtomic(paths.tag(name, tag), `${JSON.stringify(record)}\n`, { durable: true });
}

export async function removeTag(paths: StorePaths, { name, tag }: Reference): Promise<void> {
	await rm(paths.tag(name, tag), { force: true });
	// The name's folder goes with its last tag.
	await rmdir(paths.name(name)).catch(() => undefined);
}

/** All tags that can be read, sorted by name and tag. */
export function readTags(paths: StorePaths): readonly Tagged[] {
	const found: Tagged[] = [];
	for (const encoded of namesIn(paths.tags).sort()) {
		const name = decodeName(encoded);
		for (const file of namesIn(join(paths.tags, encoded)).sort()) {
			if (file.startsWith(".") || !file.endsWith(".json")) continue;
			const reference = { name, tag: file.slice(0, -".json".length) };
			const record = readTag(paths, reference);
			if (record !== undefined) found.push({ reference, record });
		}
	}
	return found;
}
