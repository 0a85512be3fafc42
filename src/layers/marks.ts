/**
 * Marks: what a running process uses, so that prune leaves it alone. They lie in a folder of its own
 * under tmp/, which carries its owner, so that a dead process's marks count for nothing.
 */
import { appendFileSync, rmdirSync, unlinkSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../digest.ts";
import { isErrno, makeFolder } from "../system/files.ts";
import { acquire } from "../system/locks.ts";
import { ownedName, ownerGone, ownerOfName } from "../system/owner.ts";
import { type DiskKind, MARKS_NAME, type StorePaths } from "./paths.ts";

export type MarkId = `${DiskKind}/${string}`;

export function markId(kind: DiskKind, digest: Digest): MarkId {
	return `${kind}/${hexOf(digest)}`;
}

/** Whoever marks, removes or puts an entry in place holds this lock for that moment. */
export async function locked<T>(paths: StorePaths, work: () => Promise<T>): Promise<T> {
	await using _lock = await acquire(paths.lock("store"));
	return await work();
}

export interface Marks {
	/** Whether this process's marks keep an entry: it is marked, or something marked stands on it. */
	keeps(id: MarkId): boolean;
	/** Mark the first of a chain as in use, and with it the others. The caller holds the store's lock. */
	add(chain: readonly { readonly kind: DiskKind; readonly digest: Digest }[]): Promise<void>;
	/** What other living processes (and other open stores of this one) use. */
	others(): Promise<ReadonlySet<string>>;
	own(): ReadonlySet<string>;
	clear(): Promise<void>;
}

/** A store that was never made. */
function nothing(error: unknown): string[] {
	if (isErrno(error, "ENOENT")) return [];
	throw error;
}

export function createMarks(paths: StorePaths): Marks {
	const name = ownedName();
	const folder = join(paths.tmp, name);
	const kept = new Set<MarkId>();
	return {
		keeps: (id) => kept.has(id),
		own: () => kept,
		async add(chain) {
			const [first, ...below] = chain.map(({ kind, digest }) => markId(kind, digest));
			if (first === undefined || kept.has(first)) return;
			const append = (): void => appendFileSync(join(folder, MARKS_NAME), `${first}\n`, { mode: 0o600 });
			try {
				append();
			} catch (error) {
				if (!isErrno(error, "ENOENT")) throw error;
				await makeFolder(folder, 0o700);
				append();
			}
			for (const id of [first, ...below]) kept.add(id);
		},
		async others() {
			const found = new Set<string>();
			for (const other of await readdir(paths.tmp).catch(nothing)) {
				const owner = ownerOfName(other);
				if (other === name || owner === undefined || ownerGone(owner)) continue;
				const lines = await readFile(join(paths.tmp, other, MARKS_NAME), "utf8").catch(() => "");
				for (const line of lines.split("\n")) if (line !== "") found.add(line);
			}
			return found;
		},
		async clear() {
			if (kept.size === 0) return;
			kept.clear();
			try {
				unlinkSync(join(folder, MARKS_NAME));
				rmdirSync(folder);
			} catch {
				// Somebody has put something there, or taken it away.
				await rm(folder, { recursive: true, force: true });
			}
		},
	};
}
