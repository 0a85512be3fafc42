/** The entries of one source, filtered by `--exclude` and `--parents` (tonistiigi/fsutil, copier.copy). */
import { NodebuildError } from "../errors.ts";
import type { MatchInfo, PatternList } from "./patterns.ts";
import type { FileTree, TreeNode } from "./tree.ts";
import type { CopyEntry } from "./types.ts";

export interface Filter {
	/** Relative to the source directory. A source that is a file is never excluded, as in BuildKit. */
	readonly exclude?: PatternList | undefined;
	readonly include?: PatternList | undefined;
}

/** An entry that is still being found out about. */
export type DraftEntry = { -readonly [K in keyof CopyEntry]: CopyEntry[K] };

export interface FoundEntry {
	readonly node: TreeNode;
	/** Without its digest. */
	readonly entry: DraftEntry;
}

/**
 * List what a source puts into the guest: parents first, sorted by name in each directory.
 * @throws NodebuildError CONTEXT_INVALID for sockets and devices.
 */
export async function collect(tree: FileTree, source: TreeNode, filter: Filter): Promise<readonly FoundEntry[]> {
	const walk = new Walk(tree, filter);
	if (source.type === "directory") await walk.directory(source, "", undefined, undefined);
	else walk.add(source, "");
	return walk.found;
}

class Walk {
	readonly found: FoundEntry[] = [];
	readonly #tree: FileTree;
	readonly #filter: Filter;
	/** Directories that are copied only if something in them is. */
	readonly #pending: { readonly node: TreeNode; readonly path: string }[] = [];
	readonly #inodes = new Map<string, string>();

	constructor(tree: FileTree, filter: Filter) {
		this.#tree = tree;
		this.#filter = filter;
	}

	async directory(node: TreeNode, path: string, excluded?: MatchInfo, included?: MatchInfo): Promise<void> {
		const { exclude, include } = this.#filter;
		for (const child of await this.#tree.list(node)) {
			const childPath = path === "" ? child.name : `${path}/${child.name}`;
			const out = exclude?.match(childPath, excluded);
			const wanted = include?.match(childPath, included);
			const copied = out?.matched !== true && wanted?.matched !== false && !child.hidden;
			if (copied) this.add(child, childPath);
			if (child.type !== "directory") continue;
			const outHere = out?.matched === true && exclude?.mayExceptBelow(childPath) !== true;
			const nothingBelow = wanted?.matched === false && include?.mayMatchBelow(childPath) !== true;
			if (outHere || nothingBelow) continue;
			if (!copied) this.#pending.push({ node: child, path: childPath });
			await this.directory(child, childPath, out?.info, wanted?.info);
			if (this.#pending.at(-1)?.path === childPath) this.#pending.pop();
		}
	}

	add(node: TreeNode, path: string): void {
		for (const parent of this.#pending.splice(0)) this.#push(parent.node, parent.path, true);
		this.#push(node, path);
	}

	#push(node: TreeNode, path: string, passage = false): void {
		const { type } = node;
		if (type === "special") throw refused(node);
		const { mode, size, mtime, stamp } = node;
		const entry: DraftEntry = { path, type, mode, size, source: this.#tree.hostPath(node), mtime, stamp };
		if (type === "symlink") entry.linkTarget = this.#tree.linkTarget(node);
		const hardLink = this.#linkedTo(node, path);
		if (hardLink !== undefined) entry.hardLink = hardLink;
		if (passage) entry.passage = true;
		this.found.push({ node, entry });
	}

	#linkedTo(node: TreeNode, path: string): string | undefined {
		if (node.inode === undefined) return undefined;
		const first = this.#inodes.get(node.inode);
		if (first === undefined) this.#inodes.set(node.inode, path);
		return first;
	}
}

function refused(node: TreeNode): NodebuildError {
	return new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `expected a file, directory, symlink or named pipe, got ${node.special ?? "a special file"}: ${node.path}`,
		hint: `remove it, or name it in the ignore file: /${node.path}`,
	});
}
