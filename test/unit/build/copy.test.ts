/** COPY and ADD on this host's own directories: what BuildKit's copy does there (tonistiigi/fsutil), and moby's archives. */
import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { copyIntoGuest } from "../../../src/build/copy.ts";
import { machineDestination } from "../../../src/build/destination.ts";
import type { CopyQuery } from "../../../src/context/index.ts";
import type { CopyRequest } from "../../../src/plan/types.ts";
import { directoryOf, query, resolveIn, type Spec } from "../context/workspace.ts";
import { localGuest } from "../guest/local-guest.ts";

const ME = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;

type More = Partial<CopyRequest> & { readonly ask?: Partial<CopyQuery> };

/** COPY `sources` of a context to `dest` below `root`. */
async function copy(context: string, sources: readonly string[], root: string, dest: string, more: More = {}) {
	const { ask, ...request } = more;
	const resolved = await resolveIn(context, { ...query(...sources), ...ask });
	const guest = localGuest();
	await copyIntoGuest(
		machineDestination(guest),
		{
			origins: [{ kind: "context", paths: sources }],
			dest: `${root}${dest}`,
			chown: ME,
			link: false,
			parents: false,
			exclude: [],
			unpack: false,
			...request,
		},
		resolved,
		new AbortController().signal,
	);
	return guest.asked.length;
}

const mode = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);

describe("a directory and something else", () => {
	const cases: readonly (readonly [string, Spec, Spec, RegExp])[] = [
		["a directory on a file", { "s/x/f": "" }, { "d/x": "old" }, /cannot copy to non-directory: .*\/d\/x$/],
		["a directory on a symlink", { "s/x/f": "" }, { "d/x": { link: "." } }, /cannot copy to non-directory: .*\/d\/x$/],
		["a file on a directory", { "s/x": "" }, { "d/x": null }, /cannot replace to directory .*\/d\/x with file$/],
		["a symlink on a directory", { "s/x": { link: "y" } }, { "d/x": null }, /cannot replace to directory .*\/d\/x/],
		["a destination below a file", { "s/x": "" }, { d: "file" }, /not a directory: .*\/d$/],
	];

	test.each(cases)("%s is refused, and nothing is lost", async (_what, from, to, message) => {
		const root = directoryOf(to);
		const before = execFileSync("find", [root, "-printf", "%y %p\n"], { encoding: "utf8" });
		await expect(copy(directoryOf(from), ["s"], root, "/d/")).rejects.toMatchObject({
			code: "COPY_FAILED",
			message: expect.stringMatching(message),
			hint: expect.stringContaining("remove one in an earlier step"),
		});
		expect(execFileSync("find", [root, "-printf", "%y %p\n"], { encoding: "utf8" })).toBe(before);
	});

	test("meet among the sources of one COPY too", async () => {
		const context = directoryOf({ "a/x": "file", "b/x/f": "" });
		await expect(copy(context, ["a", "b"], directoryOf({}), "/d/")).rejects.toThrow(/cannot copy to non-directory/);
		await expect(copy(context, ["b", "a"], directoryOf({}), "/d/")).rejects.toThrow(/cannot replace to directory/);
	});

	test("give way to --link, which copies onto nothing; not with --chmod, as in BuildKit", async () => {
		const context = directoryOf({ "s/x/f": "new", "s/y": "new", "s/z": "new" });
		const old: Spec = { "d/x": { link: "elsewhere" }, "d/y/deep/f": "old", "d/keep": "old" };
		const root = directoryOf(old);
		await copy(context, ["s"], root, "/d/", { link: true });
		expect(readdirSync(join(root, "d"), { recursive: true }).sort()).toEqual(["keep", "x", "x/f", "y", "z"]);
		await expect(copy(context, ["s"], directoryOf(old), "/d/", { link: true, chmod: "755" })).rejects.toThrow(/cannot/);
	});
});

describe("takes as few commands as it can", () => {
	const files = (root: string): string[] =>
		execFileSync("find", [root, "-type", "f", "-printf", "%P\\0"], { encoding: "utf8" })
			.split("\0")
			.slice(0, -1)
			.sort();

	test.each<[what: string, to: Spec, dest: string, commands: number, where: string]>([
		["one for a file to a name that is free", {}, "/new/name", 1, "new/name"],
		["one for a file to a directory that a slash says", {}, "/new/", 1, "new/f"],
		["one for a file onto another", { name: "old" }, "/name", 1, "name"],
		["one more where a directory has the name", { name: null }, "/name", 3, "name/f"],
		["one more behind a symlink", { real: null, link: { link: "real" } }, "/link/", 3, "real/f"],
		["one more behind a symlink on the way", { real: null, link: { link: "real" } }, "/link/new", 3, "real/new"],
		["one for a name with what shells and printf take", {}, "/a %s' $(x) \\n/", 1, "a %s' $(x) \\n/f"],
	])("%s", async (_what, to, dest, commands, where) => {
		const root = directoryOf(to);
		expect(await copy(directoryOf({ f: "new" }), ["f"], root, dest)).toBe(commands);
		expect(files(root)).toEqual([where]);
		expect(readFileSync(join(root, where), "utf8")).toBe("new");
	});

	test("one for a directory's content, whether or not the destination is there", async () => {
		const context = directoryOf({ "s/x/f": "new", "s/y": "new" });
		for (const to of [{}, { "d/x": null }]) {
			const root = directoryOf(to);
			expect(await copy(context, ["s"], root, "/d")).toBe(1);
			expect(files(root)).toEqual(["d/x/f", "d/y"]);
		}
	});

	test("two for more names than a command line holds", async () => {
		const names = Array.from({ length: 2000 }, (_, index) => `${"n".repeat(60)}${index}`);
		const context = directoryOf(Object.fromEntries(names.map((name) => [`s/${name}`, ""])));
		const root = directoryOf({});
		expect(await copy(context, ["s"], root, "/d/")).toBe(2);
		expect(readdirSync(join(root, "d")).sort()).toEqual(names.sort());
	});
});

test("--link does not follow a symlink on its way, and gives directories there the mode of a new one", async () => {
	const context = directoryOf({ f: "new" });
	const root = directoryOf({ "real/old": "", link: { link: "real" }, open: { mode: 0o777 } });
	await copy(context, ["f"], root, "/link/f");
	await copy(context, ["f"], root, "/open/f");
	expect([readdirSync(join(root, "real")), mode(join(root, "open"))]).toEqual([["f", "old"], "777"]);
	await copy(context, ["f"], root, "/link/f", { link: true });
	await copy(context, ["f"], root, "/open/f", { link: true });
	expect([lstatSync(join(root, "link")).isDirectory(), mode(join(root, "open"))]).toEqual([true, "755"]);
});

test("the destination keeps its mode, directories below it take that of the context", async () => {
	const context = directoryOf({ "s/sub": { mode: 0o750 }, "s/sub/f": "" });
	const root = directoryOf({ d: { mode: 0o700 }, "d/sub": { mode: 0o777 } });
	await copy(context, ["s"], root, "/d");
	expect([mode(join(root, "d")), mode(join(root, "d/sub"))]).toEqual(["700", "750"]);
});

test("directories that only lead to what was chosen are made or take the context's mode, without --chmod", async () => {
	const context = directoryOf({ "a/b": { mode: 0o750 }, "a/b/x.txt": "", "a/b/y": "", "c/x.txt": "" });
	const root = directoryOf({ "d/a": { mode: 0o777 } });
	await copy(context, ["./*/b/*.txt"], root, "/d/", { parents: true, chmod: "600", ask: { parents: true } });
	expect(readdirSync(join(root, "d"), { recursive: true }).sort()).toEqual(["a", "a/b", "a/b/x.txt"]);
	expect([mode(join(root, "d/a")), mode(join(root, "d/a/b/x.txt"))]).toEqual(["755", "600"]);
});

test("symlinks, hard links, setuid bits, pipes and attributes arrive; a later file replaces a symlink", async () => {
	const context = directoryOf({
		"s/tool": { mode: 0o4755, text: "#!" },
		"s/up": { link: "../elsewhere" },
		"s/ä ☺\n\\": "odd",
		"t/up": "a file",
	});
	linkSync(join(context, "s/tool"), join(context, "s/tool2"));
	execFileSync("mkfifo", ["-m", "640", join(context, "s/pipe")]);
	// Bytes that are no text in any encoding, as security.capability has them.
	execFileSync("setfattr", ["-n", "user.bytes", "-v", "0x01000002ff00fe80", join(context, "s/tool")]);
	execFileSync("setfattr", ["-n", "user.name", "-v", "text", join(context, "s/ä ☺\n\\")]);
	const root = directoryOf({});
	await copy(context, ["s", "t"], root, "/d/");
	const at = (name: string): string => join(root, "d", name);
	expect([mode(at("tool")), lstatSync(at("tool")).ino, lstatSync(at("pipe")).isFIFO(), mode(at("pipe"))]).toEqual([
		"4755",
		lstatSync(at("tool2")).ino,
		true,
		"640",
	]);
	expect([lstatSync(at("up")).isFile(), readFileSync(at("up"), "utf8")]).toEqual([true, "a file"]);
	const attributes = (name: string): string =>
		execFileSync("getfattr", ["-d", "-e", "hex", "--absolute-names", at(name)], { encoding: "utf8" });
	expect(attributes("tool")).toContain("user.bytes=0x01000002ff00fe80");
	expect(attributes("ä ☺\n\\")).toContain("user.name=0x74657874");
});

describe("ADD of an archive", () => {
	async function add(tar: Buffer, to: Spec): Promise<string> {
		const context = directoryOf({ "x.bin": "" });
		writeFileSync(join(context, "x.bin"), tar);
		const root = directoryOf(to);
		await copy(context, ["x.bin"], root, "/d/", { unpack: true, ask: { unpack: true } });
		return join(root, "d");
	}

	const pack = (spec: Spec, ...args: string[]): Buffer =>
		execFileSync("tar", ["-c", "-C", directoryOf(spec), ...(args.length === 0 ? ["."] : args)]);

	test("replaces what is of another kind, merges directories, and leaves the destination as it was", async () => {
		const tar = pack({ ".": { mode: 0o700 }, file: "new", "dir/f": "new", "both/new": "", link: { link: "file" } });
		const to = await add(gzipSync(tar), {
			d: { mode: 0o755 },
			"d/file/deep": "old",
			"d/dir": { link: "both" },
			"d/both/old": "",
		});
		expect(mode(to)).toBe("755");
		expect(readdirSync(to, { recursive: true }).sort()).toEqual(
			["both", "both/new", "both/old", "dir", "dir/f", "file", "link"].sort(),
		);
		expect(readlinkSync(join(to, "link"))).toBe("file");
	});

	test("keeps long names and sparse files", async () => {
		const long = `${"long".repeat(30)}/${"name".repeat(40)}`;
		for (const format of ["gnu", "pax", "ustar"]) {
			const names = format === "ustar" ? "short" : long;
			const to = await add(pack({ [names]: "x" }, `--format=${format}`, "."), {});
			expect(readFileSync(join(to, names), "utf8")).toBe("x");
		}
		const folder = directoryOf({ sparse: "" });
		execFileSync("truncate", ["-s", "3M", join(folder, "sparse")]);
		for (const format of ["gnu", "pax"]) {
			const tar = execFileSync("tar", ["-c", "-S", `--format=${format}`, "-C", folder, "sparse"]);
			expect(lstatSync(join(await add(tar, {}), "sparse")).size).toBe(3 << 20);
		}
	});

	test.each([
		["through a symlink upwards", pack({ "a/f": "x", up: { link: ".." } }, "--transform", "s,^a,up,", "up", "a/f")],
		["through an absolute symlink", pack({ "a/f": "x", up: { link: "/tmp" } }, "--transform", "s,^a,up,", "up", "a/f")],
		["by its name", pack({ f: "x" }, "--transform", "s,^,../,", "-P", "f")],
	])("refuses a member that leaves the destination %s", async (_how, tar) => {
		await expect(add(tar, {})).rejects.toMatchObject({
			code: "COPY_FAILED",
			message: expect.stringContaining("to stay in the destination"),
		});
	});

	test("that is cut off fails; one that is none is copied", async () => {
		const tar = pack({ f: "x".repeat(100_000) });
		await expect(add(tar.subarray(0, 5000), {})).rejects.toMatchObject({ code: "COPY_FAILED" });
		await expect(add(gzipSync(tar).subarray(0, 200), {})).rejects.toMatchObject({ code: "COPY_FAILED" });
		expect(readdirSync(await add(gzipSync("no archive"), {}))).toEqual(["x.bin"]);
	});

	test.each(["bzip2", "xz", "zstd"])("compressed by %s is decompressed here", async (program) => {
		const compressed = execFileSync(program, ["-c"], { input: pack({ f: "text" }) });
		expect(readFileSync(join(await add(compressed, {}), "f"), "utf8")).toBe("text");
	});
});
