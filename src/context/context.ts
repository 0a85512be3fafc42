/** Open a directory as a build context. */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { relative } from "node:path";
import { messageOf, NodebuildError } from "../errors.ts";
import { StatCache } from "./cache.ts";
import { type IgnoreRules, ignoreFileCandidates, parseIgnoreFile } from "./ignore.ts";
import { cleanPath } from "./match.ts";
import { resolveCopy } from "./resolve.ts";
import { ContextTree } from "./scan.ts";
import { nearestHint } from "./suggest.ts";
import type { Context } from "./types.ts";

export interface ContextOptions {
	readonly root: string;
	/** Paths of which the first that exists is the ignore file (see `ignoreFileCandidates`). */
	readonly ignoreFiles?: readonly string[];
	/** Where content digests are kept between builds; undefined: all contents are read. */
	readonly cacheFile?: string;
}

/**
 * A directory whose files COPY and ADD may take; owners are not read, the files are copied as 0:0 unless said otherwise,
 * as BuildKit's clients send them.
 * @throws NodebuildError CONTEXT_INVALID when it is no readable directory or its ignore file has a bad pattern.
 */
export async function openContext(options: ContextOptions): Promise<Context> {
	const root = directoryAt(options.root);
	const ignoreFile = options.ignoreFiles?.find((file) => existsSync(file));
	const ignore = ignoreFile === undefined ? undefined : readIgnoreFile(ignoreFile, root);
	// Before the tree is looked at: what changes from here on is not believed next time.
	const cache = options.cacheFile === undefined ? undefined : StatCache.open(options.cacheFile, root);
	const tree = new ContextTree(root, ignore?.list);
	const missing = (path: string): Promise<NodebuildError> => missingSource(tree, ignore, path);
	return {
		root,
		...(ignoreFile === undefined ? {} : { ignoreFile }),
		resolve: (query) => resolveCopy({ tree, cache, missing }, query),
		save: async () => cache?.save(),
	};
}

/**
 * Whether the ignore file of a Nodefile excludes a path; undefined without one, and for one with exceptions, below which
 * anything may be. Rules: moby/buildkit dockerfile2llb (validateCopySourcePath).
 * @throws NodebuildError CONTEXT_INVALID for a bad pattern.
 */
export function ignoredPaths(nodefile: string, root: string): ((path: string) => boolean) | undefined {
	const file = ignoreFileCandidates(nodefile, root).find((candidate) => existsSync(candidate));
	if (file === undefined) return undefined;
	const { list } = readIgnoreFile(file, root);
	return list.hasExceptions ? undefined : (path) => list.match(cleanPath(path).replace(/^\/+/, "")).matched;
}

function directoryAt(path: string): string {
	try {
		const root = realpathSync(path);
		if (statSync(root).isDirectory()) return root;
	} catch (error) {
		throw noDirectory(path, messageOf(error), error);
	}
	throw noDirectory(path, "it is no directory");
}

function noDirectory(path: string, got: string, cause?: unknown): NodebuildError {
	return new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `expected a directory as build context at ${path}: ${got}`,
		hint: "give the directory whose files COPY is to see, for instance: nodebuild build .",
		cause,
	});
}

function readIgnoreFile(file: string, root: string): IgnoreRules {
	const name = relative(root, file).startsWith("..") ? file : relative(root, file);
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch (error) {
		throw new NodebuildError({
			code: "CONTEXT_INVALID",
			message: `cannot read the ignore file ${name}: ${messageOf(error)}`,
			hint: "make it readable, or remove it",
			cause: error,
		});
	}
	return parseIgnoreFile(text, name);
}

/** Says which of three it is: excluded, misspelt, or simply not there. */
async function missingSource(
	tree: ContextTree,
	ignore: IgnoreRules | undefined,
	path: string,
): Promise<NodebuildError> {
	return new NodebuildError({
		code: "COPY_SOURCE_MISSING",
		message: `failed to find a COPY source in the build context ${tree.root}: "/${path}": not found`,
		hint: await missingHint(tree, ignore, path),
	});
}

async function missingHint(tree: ContextTree, ignore: IgnoreRules | undefined, path: string): Promise<string> {
	const excludedBy = ignore?.explain(path);
	if (excludedBy !== undefined && existsSync(`${tree.root}/${path}`)) {
		return `the file is there, but ${excludedBy} excludes it; add an exception after it: !${path}`;
	}
	return await nearestHint(tree, path);
}
