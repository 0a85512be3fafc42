/** The files of a mounted disk, as a tree that COPY finds its sources in; directories are listed by the guest. */
import { confine, splitWildcards } from "../context/match.ts";
import { FileTree, type TreeNode } from "../context/tree.ts";
import { quote } from "../guest/command.ts";
import type { Guest } from "../guest/types.ts";
import { inAccess } from "./access.ts";

interface Listing {
	readonly directory: string;
	/** How deep below it. Default: all. */
	readonly depth?: number;
}

/** Ends a listing; "/" is in no file's name. */
const END = "//";

export class SourceTree extends FileTree {
	readonly top: TreeNode = nodeOf({ type: "d", path: "" });
	/** Where the disk is mounted, in the namespaces of our sshd. */
	readonly #root: string;
	readonly #guest: Guest;
	readonly #children = new Map<string, TreeNode[]>();
	readonly #targets = new Map<string, string>();

	constructor(root: string, guest: Guest) {
		super();
		this.#root = root;
		this.#guest = guest;
	}

	hostPath({ path }: TreeNode): string {
		return path === "" ? this.#root : `${this.#root}/${path}`;
	}

	linkTarget({ path }: TreeNode): string {
		return this.#targets.get(path) ?? "";
	}

	async list(directory: TreeNode): Promise<readonly TreeNode[]> {
		if (!this.#children.has(directory.path)) await this.#load([{ directory: directory.path, depth: 1 }]);
		return this.#children.get(directory.path) ?? [];
	}

	/** One question for what finding these sources will ask for; what symlinks lead to is asked for later. */
	async prefetch(paths: readonly string[], whole: boolean): Promise<void> {
		const listings: Listing[] = [];
		for (const argument of paths) {
			const [base, pattern] = splitWildcards(confine(argument.replace("/./", "/")));
			const parts = base === "" ? [] : base.split("/");
			for (const [index] of parts.entries()) listings.push({ directory: parts.slice(0, index).join("/"), depth: 1 });
			if (whole) listings.push({ directory: base });
			else if (pattern !== "") listings.push({ directory: base, depth: pattern.split("/").length });
		}
		if (listings.length > 0) await this.#load(listings);
	}

	async #load(listings: readonly Listing[]): Promise<void> {
		const answer = await inAccess(this.#guest).script(listings.map((listing) => this.#script(listing)).join(""));
		const blocks = answer.split(`${END}\0`);
		for (const [index, { directory, depth }] of listings.entries())
			this.#read(directory, depth ?? Number.POSITIVE_INFINITY, blocks[index] ?? "");
	}

	#script({ directory, depth }: Listing): string {
		const path = quote(`${this.#root}/${directory}`);
		const limit = depth === undefined ? "" : `-maxdepth ${depth}`;
		return `[ ! -d ${path} ] || [ -L ${path} ] || find ${path} -mindepth 1 ${limit} -printf '%y %m %n %D:%i %P\\0%l\\0'\nprintf '${END}\\0'\n`;
	}

	#read(directory: string, depth: number, block: string): void {
		const fields = block.split("\0");
		const found = new Map<string, TreeNode[]>([[directory, []]]);
		for (let at = 0; at + 1 < fields.length; at += 2) {
			const [type = "", mode = "", links = "", inode = "", ...name] = (fields[at] ?? "").split(" ");
			const below = name.join(" ");
			const path = directory === "" ? below : `${directory}/${below}`;
			if (type === "l") this.#targets.set(path, fields[at + 1] ?? "");
			const node = nodeOf({ type, path, mode: Number.parseInt(mode, 8), ...(links === "1" ? {} : { inode }) });
			found.get(path.slice(0, Math.max(0, path.lastIndexOf("/"))))?.push(node);
			if (type === "d" && below.split("/").length < depth) found.set(path, []);
		}
		for (const [path, nodes] of found) {
			if (this.#children.has(path)) continue;
			this.#children.set(
				path,
				nodes.sort((a, b) => (a.name < b.name ? -1 : 1)),
			);
		}
	}
}

interface Fields {
	/** As find(1) prints it. */
	readonly type: string;
	readonly path: string;
	readonly mode?: number;
	readonly inode?: string;
}

/** Pipes and devices are copied as they are, as BuildKit does between stages. */
function nodeOf({ type, path, mode = 0o755, inode }: Fields): TreeNode {
	const garbled = path.includes("\ufffd");
	return {
		path,
		name: path.slice(path.lastIndexOf("/") + 1),
		type: garbled ? "special" : type === "d" ? "directory" : type === "l" ? "symlink" : "file",
		...(garbled ? { special: "a name that is not UTF-8" } : {}),
		mode,
		size: 0,
		mtime: 0,
		stamp: "",
		...(type === "f" && inode !== undefined ? { inode } : {}),
		hidden: false,
		info: undefined,
	};
}
