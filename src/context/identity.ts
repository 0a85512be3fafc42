/** What makes two copies the same copy. Pure. */
import { createHash } from "node:crypto";
import { type Digest, hexOf } from "../digest.ts";
import type { CopyEntry, CopySource } from "./types.ts";

/** Characters hashed in one go. */
const PIECE = 1024 * 1024;

/** Of everything that may change what the copy does in the guest; never of times or host paths. */
export function digestSources(sources: readonly CopySource[]): Digest {
	const hash = createHash("sha256").update("nodebuild copy 2\n");
	for (const source of sources) {
		const name = source.isDirectory ? "" : source.name.slice(source.name.lastIndexOf("/") + 1);
		hash.update(`${JSON.stringify([source.isDirectory, source.archive ?? "", name])}\n`);
		let lines = "";
		for (const entry of source.entries) {
			lines += `${JSON.stringify(factsOf(entry))}\n`;
			if (lines.length < PIECE) continue;
			hash.update(lines);
			lines = "";
		}
		hash.update(lines);
	}
	return `sha256:${hash.digest("hex")}`;
}

function factsOf(entry: CopyEntry): readonly unknown[] {
	const mode = entry.type === "symlink" ? "" : entry.mode.toString(8);
	const content = entry.digest === undefined ? "" : hexOf(entry.digest);
	const facts = [entry.path, entry.type, mode, content, entry.linkTarget ?? "", entry.hardLink ?? ""];
	if (entry.xattrs === undefined && entry.passage === undefined) return facts;
	return [...facts, entry.passage === true, entry.xattrs ?? {}];
}
