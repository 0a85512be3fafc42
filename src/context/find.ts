/** From the source arguments of a COPY to what they name in a tree, as BuildKit and tonistiigi/fsutil's copy find it. */
import { NodebuildError } from "../errors.ts";
import type { Filter } from "./collect.ts";
import { BadPatternError, checkPattern, confine, goMatch, hasWildcards, splitWildcards } from "./match.ts";
import { PatternError, PatternList } from "./patterns.ts";
import type { FileTree, TreeNode } from "./tree.ts";
import type { CopyQuery } from "./types.ts";

export interface SourceFinder {
	readonly tree: FileTree;
	/** The error for a path, relative to the root, that the tree does not have. */
	readonly missing: (path: string) => Promise<NodebuildError>;
}

export interface FoundSource {
	/** The path as matched, before symlinks were followed. */
	readonly name: string;
	readonly node: TreeNode;
	readonly filter: Filter;
}

/** @throws NodebuildError what `missing` gives; CONTEXT_INVALID for a bad pattern. */
export async function findSources(
	finder: SourceFinder,
	query: Omit<CopyQuery, "unpack">,
): Promise<{ readonly found: readonly FoundSource[]; readonly unmatched: readonly string[] }> {
	const exclude = query.exclude.length === 0 ? undefined : patternList(query.exclude, "--exclude");
	const found: FoundSource[] = [];
	const unmatched: string[] = [];
	for (const path of query.paths) {
		const finding = query.parents ? findParents(finder, path, exclude) : findSource(finder, path, exclude);
		const sources = await finding.catch((error: unknown) => {
			throw error instanceof NodebuildError ? error.about(path) : error;
		});
		if (sources.length === 0) unmatched.push(path);
		found.push(...sources);
	}
	return { found, unmatched };
}

/** Wildcards match from the first component that has one; what they match is followed when it is a symlink. */
async function findSource(
	finder: SourceFinder,
	argument: string,
	exclude: PatternList | undefined,
): Promise<FoundSource[]> {
	const path = confine(argument);
	const [base, pattern] = splitWildcards(path);
	const names = pattern === "" ? [path] : await expand(finder, base, pattern);
	const found: FoundSource[] = [];
	for (const name of names) found.push({ name, node: await findOrThrow(finder, name), filter: { exclude } });
	return found;
}

/** `--parents`: the part before "/./" is the directory to copy from, the rest a pattern for what is in it. */
async function findParents(
	finder: SourceFinder,
	argument: string,
	exclude: PatternList | undefined,
): Promise<FoundSource[]> {
	const pivot = argument.indexOf("/./");
	const base = confine(pivot < 0 ? "" : argument.slice(0, pivot));
	const pattern = confine(pivot < 0 ? argument : argument.slice(pivot + 3));
	if (!hasWildcards(base) && !hasWildcards(pattern)) await findOrThrow(finder, joinPath(base, pattern));
	const include = pattern === "" ? undefined : patternList([pattern], "COPY --parents");
	const found: FoundSource[] = [];
	for (const source of await findSource(finder, base, undefined)) {
		found.push({ ...source, filter: { exclude, include } });
	}
	return found;
}

async function findOrThrow(finder: SourceFinder, path: string): Promise<TreeNode> {
	const node = await finder.tree.find(path);
	if (node === undefined) throw await finder.missing(path);
	return node;
}

async function expand(finder: SourceFinder, base: string, pattern: string): Promise<string[]> {
	try {
		for (const part of pattern.split("/")) checkPattern(part);
	} catch (error) {
		if (!(error instanceof BadPatternError)) throw error;
		throw badPattern("a COPY source", `"${pattern}": ${error.message}`, error);
	}
	const start = await findOrThrow(finder, base);
	const names: string[] = [];
	const descend = async (node: TreeNode, [part = "", ...rest]: readonly string[]): Promise<void> => {
		if (node.type !== "directory") return;
		for (const child of await finder.tree.list(node)) {
			if (!goMatch(part, child.name)) continue;
			if (rest.length > 0) await descend(child, rest);
			else if (await finder.tree.exists(child)) names.push(child.path);
		}
	};
	await descend(start, pattern.split("/"));
	return names;
}

function patternList(texts: readonly string[], what: string): PatternList {
	try {
		return new PatternList(texts);
	} catch (error) {
		if (!(error instanceof PatternError)) throw error;
		throw badPattern(what, error.message, error);
	}
}

function badPattern(what: string, got: string, cause: unknown): NodebuildError {
	return new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `expected a pattern for ${what}, got ${got}`,
		hint: 'patterns know * ? [a-z] [^a-z] and, in --exclude and --parents, **; a "\\" takes a character as it is',
		cause,
	});
}

function joinPath(base: string, path: string): string {
	return base === "" || path === "" ? base + path : `${base}/${path}`;
}
