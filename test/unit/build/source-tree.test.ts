import { mkdir, symlink, writeFile, link } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { collect } from "../../../src/context/collect.ts";
import { findSources } from "../../../src/context/find.ts";
import { SourceTree } from "../../../src/build/source-tree.ts";
import { localGuest } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

/** A folder of this host as the disk that is mounted in a machine. */
async function disk() {
	const root = await tempDir();
	await mkdir(join(root, "a/b/deep"), { recursive: true });
	await mkdir(join(root, "a/c"));
	for (const name of ["a/b/one.txt", "a/b/two words.txt", "a/b/deep/x", "a/c/three.txt", "a/line\nbreak"])
		await writeFile(join(root, name), name);
	await link(join(root, "a/b/one.txt"), join(root, "a/b/deep/hard"));
	await symlink("/a/b", join(root, "way"));
	await symlink("../../../..", join(root, "a/out"));
	const guest = localGuest();
	return { tree: new SourceTree(root, guest), guest };
}

const missing = async (path: string): Promise<never> => {
	throw new Error(`missing ${path}`);
};

async function found(paths: readonly string[], more: { exclude?: readonly string[]; parents?: boolean } = {}) {
	const { tree, guest } = await disk();
	const query = { paths, exclude: more.exclude ?? [], parents: more.parents ?? false };
	await tree.prefetch(paths, query.parents || query.exclude.length > 0);
	const { found: sources, unmatched } = await findSources({ tree, missing }, query);
	const entries = await Promise.all(
		sources.map(async ({ name, node, filter }) => ({
			name,
			node: node.path,
			entries: (await collect(tree, node, filter)).map(({ entry }) => entry.path),
		})),
	);
	return { entries, unmatched, questions: guest.asked.length };
}

test("plain paths and wildcards are found with one question, whatever the names", async () => {
	const { entries, unmatched, questions } = await found(["/a/b/*.txt", "a/line*", "/a/*/t*", "/none*"]);
	expect(entries.map(({ node }) => node)).toEqual([
		"a/b/one.txt",
		"a/b/two words.txt",
		"a/line\nbreak",
		"a/b/two words.txt",
		"a/c/three.txt",
	]);
	expect(unmatched).toEqual(["/none*"]);
	expect(questions).toBe(1);
});

test("symlinks are followed within the disk", async () => {
	const { entries } = await found(["way/one.txt", "/a/out/a/c/three.txt"]);
	expect(entries).toEqual([
		{ name: "way/one.txt", node: "a/b/one.txt", entries: [""] },
		{ name: "a/out/a/c/three.txt", node: "a/c/three.txt", entries: [""] },
	]);
	await expect(found(["/a/nothing"])).rejects.toThrow("missing a/nothing");
});

test("filters see the whole directory", async () => {
	const excluded = await found(["/a"], { exclude: ["b/deep", "**/*.txt", "out"] });
	expect(excluded.entries[0]?.entries).toEqual(["b", "c", "line\nbreak"]);
	const parents = await found(["/a/./*/deep"], { parents: true });
	expect(parents.entries).toEqual([{ name: "a", node: "a", entries: ["b", "b/deep", "b/deep/hard", "b/deep/x"] }]);
});

test("a path that leads to nothing is followed as far as it goes", async () => {
	const { tree } = await disk();
	expect(await tree.follow("/way/new/er")).toEqual({ path: "a/b/new/er" });
	expect((await tree.follow("/way/deep")).node?.type).toBe("directory");
	expect((await tree.follow("/")).node).toBe(tree.top);
});
