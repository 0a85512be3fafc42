/**
 * The context as a tree without what its ignore file excludes, read directory by directory when asked for. One
 * directory is read once, so that all COPY instructions of a build see the same files.
 */
import { type BigIntStats, type Dirent, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { messageOf, NodebuildError } from "../errors.ts";
import { monotonic } from "../system/clock.ts";
import { confine } from "./match.ts";
import type { MatchInfo, PatternList } from "./patterns.ts";
import { FileTree, type TreeNode } from "./tree.ts";

/** The parts of a file's status that change when its content does. */
export function stampOf(stats: BigIntStats): string {
	return `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.dev} ${stats.ino} ${stats.mode}`;
}

/** Gives the event loop its turn when more than 20 ms passed since it last had it. */
export class Breather {
	#last = monotonic();
	#asked = 0;

	/** The clock is asked only now and then: that costs as much as what is done in between. */
	due(): boolean {
		return ++this.#asked % 64 === 0 && monotonic() - this.#last > 20;
	}

	async breathe(): Promise<void> {
		await new Promise<void>((resolve) => setImmediate(resolve));
		this.#last = monotonic();
	}
}

export class ContextTree extends FileTree {
	readonly root: string;
	readonly breather = new Breather();
	readonly #ignore: PatternList | undefined;
	readonly #children = new Map<string, readonly TreeNode[]>();
	readonly top: TreeNode;

	constructor(root: string, ignore: PatternList | undefined) {
		super();
		this.root = root;
		this.#ignore = ignore;
		this.top = nodeOf("", "", lstatSync(root, { bigint: true }), false, undefined);
	}

	hostPath(node: TreeNode): string {
		return node.path === "" ? this.root : `${this.root}/${node.path}`;
	}

	/**
	 * What a directory holds, sorted by name, with hidden directories.
	 * @throws NodebuildError CONTEXT_INVALID for an unreadable directory or a name that is not UTF-8.
	 */
	async list(directory: TreeNode): Promise<readonly TreeNode[]> {
		const known = this.#children.get(directory.path);
		if (known !== undefined) return known;
		const nodes: TreeNode[] = [];
		for (const entry of this.#readDirectory(directory)) {
			if (this.breather.due()) await this.breather.breathe();
			const node = this.#childOf(directory, entry);
			if (node !== undefined) nodes.push(node);
		}
		nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
		this.#children.set(directory.path, nodes);
		return nodes;
	}

	linkTarget(node: TreeNode): string {
		const target = attempt(() => readlinkSync(this.hostPath(node)), node, "read the symlink");
		if (!target.includes("\ufffd")) return target;
		const bytes = attempt(() => readlinkSync(this.hostPath(node), { encoding: "buffer" }), node, "read the symlink");
		if (Buffer.from(target).equals(bytes)) return target;
		throw notUtf8(`the target of the symlink ${node.path}`);
	}

	#readDirectory(directory: TreeNode): readonly Dirent[] {
		return attempt(() => readdirSync(this.hostPath(directory), { withFileTypes: true }), directory, "read");
	}

	/** Not `attempt`: that is a function for each of perhaps a hundred thousand files. */
	#statusOf(path: string): BigIntStats | undefined {
		try {
			return lstatSync(`${this.root}/${path}`, { bigint: true, throwIfNoEntry: false });
		} catch (error) {
			throw unreadable(path, "look at", error);
		}
	}

	#childOf(directory: TreeNode, entry: Dirent): TreeNode | undefined {
		const path = directory.path === "" ? entry.name : `${directory.path}/${entry.name}`;
		const result = this.#ignore?.match(path, directory.info);
		const hidden = result?.matched ?? false;
		if (hidden && !(entry.isDirectory() && this.#ignore?.mayExceptBelow(path))) return undefined;
		const stats = this.#statusOf(path);
		if (stats !== undefined) return nodeOf(path, entry.name, stats, hidden, result?.info);
		// It vanished since the directory was read, or its name was garbled in being decoded.
		if (entry.name.includes("\ufffd")) throw notUtf8(`the name ${path}`);
		return undefined;
	}
}

function nodeOf(
	path: string,
	name: string,
	stats: BigIntStats,
	hidden: boolean,
	info: MatchInfo | undefined,
): TreeNode {
	const special = specialOf(stats);
	return {
		path,
		name,
		type: typeOf(stats),
		...(special === undefined ? {} : { special }),
		mode: Number(stats.mode & 0o7777n),
		size: stats.isFile() ? Number(stats.size) : 0,
		mtime: Number(stats.mtimeNs / 1_000_000_000n),
		stamp: stampOf(stats),
		...(stats.isFile() && stats.nlink > 1n ? { inode: `${stats.dev} ${stats.ino}` } : {}),
		hidden,
		info,
	};
}

function typeOf(stats: BigIntStats): TreeNode["type"] {
	if (stats.isFile()) return "file";
	if (stats.isDirectory()) return "directory";
	if (stats.isSymbolicLink()) return "symlink";
	return stats.isFIFO() ? "fifo" : "special";
}

function specialOf(stats: BigIntStats): string | undefined {
	if (stats.isSocket()) return "a socket";
	if (stats.isCharacterDevice() || stats.isBlockDevice()) return "a device";
	return undefined;
}

function attempt<T>(action: () => T, node: TreeNode, what: string): T {
	try {
		return action();
	} catch (error) {
		throw unreadable(node.path, what, error);
	}
}

/** The error for a file of the context that cannot be read. */
export function unreadable(path: string, what: string, cause: unknown): NodebuildError {
	const name = path === "" ? "the build context" : path;
	return new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `cannot ${what} ${name}: ${messageOf(cause)}`,
		hint: `make it readable, or name it in the ignore file if no COPY needs it: /${confine(path)}`,
		cause,
	});
}

function notUtf8(what: string): NodebuildError {
	return new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `expected names in UTF-8, got other bytes in ${what}`,
		hint: "rename the file, or exclude its directory in the ignore file",
	});
}
