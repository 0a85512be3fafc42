/** A tree of files that is read when it is asked for: a folder of this host, or a disk of a machine. */
import type { MatchInfo } from "./patterns.ts";
import type { EntryType } from "./types.ts";

export interface TreeNode {
	/** Relative to the root, "" for the root. */
	readonly path: string;
	readonly name: string;
	readonly type: EntryType | "special";
	/** What a special file is, for people. */
	readonly special?: string;
	readonly mode: number;
	readonly size: number;
	/** Whole seconds. */
	readonly mtime: number;
	readonly stamp: string;
	/** Equal for the names of one inode; only when it has several. */
	readonly inode?: string;
	/** Excluded, and only here because something below it may be re-included. */
	readonly hidden: boolean;
	readonly info: MatchInfo | undefined;
}

/** As many symlinks are followed as BuildKit follows. */
const LINK_LIMIT = 255;

export abstract class FileTree {
	abstract readonly top: TreeNode;

	/** What a directory holds, sorted by name, with hidden directories. */
	abstract list(directory: TreeNode): Promise<readonly TreeNode[]>;
	abstract linkTarget(node: TreeNode): string;
	/** Where its bytes are, for whoever reads them. */
	abstract hostPath(node: TreeNode): string;

	/** A hidden directory is there only if something in it is. */
	async exists(node: TreeNode): Promise<boolean> {
		if (!node.hidden) return true;
		for (const child of await this.list(node)) {
			if (await this.exists(child)) return true;
		}
		return false;
	}

	/** Find a path, following all symlinks within the tree, where absolute ones start at its root. */
	async find(path: string): Promise<TreeNode | undefined> {
		const { node } = await this.follow(path);
		return node !== undefined && (await this.exists(node)) ? node : undefined;
	}

	/** As `find`; where the path leads to nothing, what it would be called there. */
	async follow(path: string): Promise<{ readonly path: string; readonly node?: TreeNode }> {
		let pending = partsOf(path);
		let trail: TreeNode[] = [this.top];
		let links = 0;
		while (pending.length > 0) {
			const [part = "", ...rest] = pending;
			if (part === "..") {
				pending = rest;
				if (trail.length > 1) trail.pop();
				continue;
			}
			const here = trail.at(-1) ?? this.top;
			const next = here.type === "directory" ? childNamed(await this.list(here), part) : undefined;
			if (next === undefined) return { path: [here.path, ...pending].filter((name) => name !== "").join("/") };
			pending = rest;
			if (next.type !== "symlink") {
				trail.push(next);
				continue;
			}
			if (++links > LINK_LIMIT) return { path: next.path };
			const target = this.linkTarget(next);
			if (target.startsWith("/")) trail = [this.top];
			pending = [...partsOf(target), ...rest];
		}
		const node = trail.at(-1) ?? this.top;
		return { path: node.path, node };
	}
}

/** The list is sorted: a wildcard asks for each of its matches. */
function childNamed(children: readonly TreeNode[], name: string): TreeNode | undefined {
	let [low, high] = [0, children.length];
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((children[middle]?.name ?? "") < name) low = middle + 1;
		else high = middle;
	}
	const found = children[low];
	return found?.name === name ? found : undefined;
}

function partsOf(path: string): string[] {
	return path.split("/").filter((part) => part !== "" && part !== ".");
}
