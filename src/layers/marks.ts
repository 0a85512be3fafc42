/**
 * Marks: what a running process uses, so that prune leaves it alone. They lie in a folder of its own
 * under tmp/, which carries its owner, so that a dead process's marks count for nothing.
 */
import { appendFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../digest.ts";
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
	has(id: MarkId): boolean;
	/** The caller holds the store's lock. */
	add(id: MarkId): Promise<void>;
	/** What other living processes (and other open stores of this one) use. */
	others(): Promise<ReadonlySet<string>>;
	own(): ReadonlySet<string>;
	clear(): Promise<void>;
}

export function createMarks(paths: StorePaths): Marks {
	const name = ownedName();
	const folder = join(paths.tmp, name);
	const own = new Set<MarkId>();
	return {
		has: (id) => own.has(id),
		own: () => own,
		async add(id) {
			if (own.has(id)) return;
			await mkdir(folder, { recursive: true, mode: 0o700 });
			await appendFile(join(folder, MARKS_NAME), `${id}\n`, { mode: 0o600 });
			own.add(id);
		},
		async others() {
			const found = new Set<string>();
			for (const other of await readdir(paths.tmp)) {
				const owner = ownerOfName(other);
				if (other === name || owner === undefined || ownerGone(owner)) continue;
				const lines = await readFile(join(paths.tmp, other, MARKS_NAME), "utf8").catch(() => "");
				for (const line of lines.split("\n")) if (line !== "") found.add(line);
			}
			return found;
		},
		async clear() {
			own.clear();
			await rm(folder, { recursive: true, force: true });
		},
	};
}
