/** The files that a COPY takes from the context, with their digests. */
import { archiveKind } from "./archive.ts";
import type { StatCache } from "./cache.ts";
import { collect } from "./collect.ts";
import { digestFiles } from "./digest.ts";
import { type FoundSource, findSources, type SourceFinder } from "./find.ts";
import { digestSources } from "./identity.ts";
import type { ContextTree } from "./scan.ts";
import type { CopyQuery, CopySource, ResolvedCopy } from "./types.ts";
import { findXattrs } from "./xattrs.ts";

export interface Finder extends SourceFinder {
	readonly tree: ContextTree;
	readonly cache: StatCache | undefined;
}

/** See `Context.resolve`. */
export async function resolveCopy(finder: Finder, query: CopyQuery): Promise<ResolvedCopy> {
	const { found, unmatched } = await findSources(finder, query);
	const sources: CopySource[] = [];
	for (const source of found) sources.push(await toCopySource(finder, source, query.unpack));
	const bytes = sources.reduce((sum, source) => sum + bytesOf(source), 0);
	return { sources, digest: digestSources(sources), bytes, unmatched };
}

function bytesOf(source: CopySource): number {
	return source.entries.reduce((sum, entry) => sum + (entry.hardLink === undefined ? entry.size : 0), 0);
}

async function toCopySource(finder: Finder, source: FoundSource, unpack: boolean): Promise<CopySource> {
	const found = await collect(finder.tree, source.node, source.filter);
	await digestFiles(found, finder.cache, finder.tree.breather);
	await findXattrs(found, finder.cache);
	const isDirectory = source.node.type === "directory";
	const archive =
		unpack && !isDirectory ? await archiveKind(finder.tree.hostPath(source.node), source.node.path) : undefined;
	return {
		name: source.name,
		isDirectory,
		...(archive === undefined ? {} : { archive }),
		entries: found.map(({ entry }) => entry),
	};
}
