import { link, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { COPY_TREE } from "../../../src/build/copy-tree.ts";
import { runHere, syntaxErrors } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

/** Folders of this host as the two trees; the script reaches both without a machine. */
async function trees(way: "keep" | "link" = "keep") {
	const [from, into] = [await tempDir(), await tempDir()];
	const copy = (kind: "whole" | "listed", names: readonly string[] = [], as = "", ...options: readonly string[]) =>
		runHere(["/bin/sh", "-c", COPY_TREE, "sh", from, into, as, "access", kind, way, ...options], {
			stdin: names.map((name) => `${name}\0`).join(""),
		});
	return { from, into, copy };
}

test("is a shell script", async () => {
	expect(await syntaxErrors(COPY_TREE)).toBe("");
});

test("copies all of a directory, its links and modes, and what stands there already is kept or replaced", async () => {
	const { from, into, copy } = await trees();
	await mkdir(join(from, "sub"), { mode: 0o750 });
	await writeFile(join(from, "sub/-file"), "new", { mode: 0o640 });
	await link(join(from, "sub/-file"), join(from, "hard"));
	await mkdir(join(into, "sub"), { mode: 0o700 });
	await writeFile(join(into, "sub/kept"), "kept");
	await writeFile(join(into, "elsewhere"), "elsewhere");
	await symlink("elsewhere", join(into, "hard"));
	expect(await copy("whole")).toEqual({ status: 0, stdout: "", stderr: "" });
	expect((await readdir(join(into, "sub"))).sort()).toEqual(["-file", "kept"]);
	expect([(await stat(join(into, "sub"))).mode & 0o777, (await stat(join(into, "hard"))).nlink]).toEqual([0o750, 2]);
	expect(await readFile(join(into, "elsewhere"), "utf8")).toBe("elsewhere");
});

test("copies what is listed, under another name where it is asked to", async () => {
	const { from, into, copy } = await trees();
	for (const name of ["a", "line\nbreak", "c"]) await writeFile(join(from, name), name);
	expect((await copy("listed", ["a", "line\nbreak"])).status).toBe(0);
	expect((await copy("listed", ["c"], "n&w", "--transform=s,.*,n\\&w,S", "--mode=00600")).status).toBe(0);
	expect((await readdir(into)).sort()).toEqual(["a", "line\nbreak", "n&w"]);
	expect((await stat(join(into, "n&w"))).mode & 0o777).toBe(0o600);
});

test.each([
	["whole", [], "", "cannot copy to non-directory: INTO/directory"],
	["listed", ["directory"], "", "cannot copy to non-directory: INTO/directory"],
	["listed", ["file"], "", "cannot replace to directory INTO/file with file"],
	["listed", ["file"], "other", "cannot replace to directory INTO/other with file"],
] as const)("a directory and a file never replace each other: %s %j %j", async (kind, names, as, message) => {
	const { from, into, copy } = await trees();
	await mkdir(join(from, "directory"));
	await writeFile(join(from, "file"), "");
	for (const name of kind === "whole" ? [] : ["file", "other"]) await mkdir(join(into, name));
	await symlink("/", join(into, "directory"));
	const { status, stderr } = await copy(kind, names, as);
	expect(status).not.toBe(0);
	expect(stderr).toContain(message.replace("INTO", into));
});

test("with --link the copy lies over what was there", async () => {
	const { from, into, copy } = await trees("link");
	await mkdir(join(from, "sub"));
	for (const name of ["sub/f", "file"]) await writeFile(join(from, name), "new");
	for (const name of ["file/deep", "other", "target"]) await mkdir(join(into, name), { recursive: true });
	await symlink("target", join(into, "sub"));
	expect(await copy("whole")).toEqual({ status: 0, stdout: "", stderr: "" });
	expect(await copy("listed", ["file"], "other", "--transform=s,.*,other,S")).toEqual({
		status: 0,
		stdout: "",
		stderr: "",
	});
	expect((await readdir(into, { recursive: true })).sort()).toEqual(["file", "other", "sub", "sub/f", "target"]);
});
