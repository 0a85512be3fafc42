/** Files with holes in a tar archive: GNU tar's format 1.0 ("Storing Sparse Files" in its manual). */
import { contentOf, dataRuns } from "./content.ts";
import type { CopyEntry } from "./types.ts";

const BLOCK = 512;

/** How an entry with holes is written: with these pax records, and this in place of its content. */
export interface SparseEntry {
	readonly pax: Readonly<Record<string, string>>;
	/** Bytes of `pieces`. */
	readonly size: number;
	pieces(): AsyncGenerator<Uint8Array>;
}

/** Undefined for a file without holes. @param name as the archive has it. @throws NodebuildError COPY_FAILED */
export async function sparseEntry(entry: CopyEntry, name: string): Promise<SparseEntry | undefined> {
	if (entry.content !== undefined) return undefined;
	const runs = await dataRuns(entry);
	if (runs === undefined) return undefined;
	// A last run without data says where the file ends.
	const numbers = [runs.length + 1, ...runs.flatMap(({ offset, length }) => [offset, length]), entry.size, 0];
	const text = numbers.map((number) => `${number}\n`).join("");
	const map = Buffer.alloc(Math.ceil(text.length / BLOCK) * BLOCK);
	map.write(text);
	return {
		pax: {
			"GNU.sparse.major": "1",
			"GNU.sparse.minor": "0",
			"GNU.sparse.name": name,
			"GNU.sparse.realsize": String(entry.size),
		},
		size: runs.reduce((sum, { length }) => sum + length, map.length),
		async *pieces() {
			yield map;
			yield* contentOf(entry, runs);
		},
	};
}
