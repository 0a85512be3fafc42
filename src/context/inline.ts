/** Copies that come from no file, and copies put together. Pure. */
import { sha256 } from "../digest.ts";
import { digestSources } from "./identity.ts";
import type { CopySource, ResolvedCopy } from "./types.ts";

/**
 * A heredoc of COPY or ADD: one file with mode 0644.
 * @param mtime seconds since the epoch.
 */
export function inlineCopy(file: { readonly name: string; readonly content: string }, mtime: number): ResolvedCopy {
	const content = Buffer.from(file.content, "utf8");
	const source: CopySource = {
		name: file.name,
		isDirectory: false,
		entries: [
			{
				path: "",
				type: "file",
				mode: 0o644,
				size: content.length,
				source: "",
				content,
				mtime,
				digest: sha256(content),
			},
		],
	};
	return { sources: [source], digest: digestSources([source]), bytes: content.length, unmatched: [] };
}

/** Several origins of one instruction as one copy, in the order in which they are to be copied. */
export function mergeCopies(copies: readonly ResolvedCopy[]): ResolvedCopy {
	const [only, ...others] = copies;
	if (only !== undefined && others.length === 0) return only;
	const sources = copies.flatMap((copy) => copy.sources);
	return {
		sources,
		digest: digestSources(sources),
		bytes: copies.reduce((sum, copy) => sum + copy.bytes, 0),
		unmatched: copies.flatMap((copy) => copy.unmatched),
	};
}
