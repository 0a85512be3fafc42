import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inlineCopy, mergeCopies, openContext } from "../../../src/context/index.ts";
import { sha256 } from "../../../src/digest.ts";
import { directoryOf, listing, query, resolveIn } from "./workspace.ts";

describe("sources", () => {
	it("are files, or the contents of directories", async () => {
		const root = directoryOf({ "a.txt": "a", "d/b.txt": "b", "d/sub/c.txt": "c", "d/empty": null });
		const copy = await resolveIn(root, query("a.txt", "d/"));
		expect(listing(copy)).toEqual(["a.txt: ", "d: b.txt, empty, sub, sub/c.txt"]);
		expect(copy.sources[0]?.entries[0]).toMatchObject({ type: "file", size: 1, digest: sha256("a") });
		expect(copy.bytes).toBe(3);
	});

	it("stay within the context", async () => {
		const root = directoryOf({ "in/x": "x" });
		expect(listing(await resolveIn(join(root, "in"), query("../../x")))).toEqual(["x: "]);
	});

	it("may be wildcards, matched by component from the first that has one", async () => {
		const root = directoryOf({
			"a1.txt": "",
			"a2.txt": "",
			"s/a3.txt": "",
			"s/t/a4.txt": "",
			"s/n.md": "",
			"arr[0].txt": "",
		});
		expect(listing(await resolveIn(root, query("a?.txt")))).toEqual(["a1.txt: ", "a2.txt: "]);
		expect(listing(await resolveIn(root, query("**/*.txt")))).toEqual(["s/a3.txt: "]);
		expect(listing(await resolveIn(root, query("*/[!a]*", "arr[[]0].txt")))).toEqual(["s/a3.txt: ", "arr[0].txt: "]);
		expect((await resolveIn(root, query("s/*.md", "none*"))).unmatched).toEqual(["none*"]);
	});

	it("are refused when they are no patterns", async () => {
		const root = directoryOf({ a: "" });
		await expect(resolveIn(root, query("[a"))).rejects.toMatchObject({ code: "CONTEXT_INVALID" });
		await expect(resolveIn(root, { ...query("."), exclude: ["a["] })).rejects.toMatchObject({
			code: "CONTEXT_INVALID",
		});
	});

	it("follow symlinks within the context, and keep those inside directories", async () => {
		const root = directoryOf({
			"real/f": "content",
			link: { link: "real" },
			absolute: { link: "/real/f" },
			up: { link: "../../real/f" },
			"d/inner": { link: "../nowhere" },
			loop: { link: "loop" },
		});
		expect(listing(await resolveIn(root, query("link", "absolute", "up", "link/f")))).toEqual([
			"link: f",
			"absolute: ",
			"up: ",
			"link/f: ",
		]);
		const copy = await resolveIn(root, query("absolute", "d"));
		expect(copy.sources[0]?.entries[0]).toMatchObject({ type: "file", digest: sha256("content") });
		expect(copy.sources[1]?.entries[0]).toMatchObject({ type: "symlink", linkTarget: "../nowhere" });
		await expect(resolveIn(root, query("loop"))).rejects.toMatchObject({ code: "COPY_SOURCE_MISSING" });
		await expect(resolveIn(root, query("d/inner"))).rejects.toMatchObject({ code: "COPY_SOURCE_MISSING" });
	});

	it("that are missing get a hint", async () => {
		const root = directoryOf({ "app/config.json": "", "app/main.ts": "" });
		const hintFor = async (path: string): Promise<unknown> => resolveIn(root, query(path)).catch((error) => error.hint);
		expect(await hintFor("app/confg.json")).toBe("did you mean app/config.json?");
		expect(await hintFor("app/zzzzzz")).toBe("/app has: config.json, main.ts");
		expect(await hintFor("nodir/x")).toBe("there is no directory /nodir either");
		await expect(resolveIn(root, query("nodir/*.txt"))).rejects.toMatchObject({
			message: expect.stringContaining('"/nodir": not found'),
		});
	});

	it("keep hard links within one source, setuid bits, and read holes as zeros", async () => {
		const root = directoryOf({ "d/a": "same", "d/tool": { mode: 0o4755, text: "#!" } });
		mkdirSync(join(root, "d/e"));
		linkSync(join(root, "d/a"), join(root, "d/e/b"));
		execFileSync("truncate", ["-s", "3M", join(root, "d/sparse")]);
		const entries = (await resolveIn(root, query("d"))).sources[0]?.entries ?? [];
		expect(entries.find((entry) => entry.path === "e/b")?.hardLink).toBe("a");
		expect(entries.find((entry) => entry.path === "tool")?.mode).toBe(0o4755);
		expect(entries.find((entry) => entry.path === "sparse")?.digest).toBe(sha256(Buffer.alloc(3 * 1024 * 1024)));
	});

	it("with sockets are refused by name, unless excluded; pipes are pipes", async () => {
		const root = directoryOf({ "d/a": "", "d/run": null });
		execFileSync("mkfifo", [join(root, "d/pipe")]);
		const { sources } = await resolveIn(root, query("d"));
		expect(sources[0]?.entries.map(({ path, type }) => `${type} ${path}`)).toEqual([
			"file a",
			"fifo pipe",
			"directory run",
		]);
		expect(listing(await resolveIn(root, { ...query("d"), exclude: ["pipe"] }))).toEqual(["d: a, run"]);
		const server = createServer().listen(join(root, "d/run/app.sock"));
		await new Promise((resolve) => server.once("listening", resolve));
		await expect(resolveIn(root, { ...query("d"), exclude: ["pipe"] })).rejects.toThrow("a socket: d/run/app.sock");
		await new Promise((resolve) => server.close(resolve));
	});

	it("that cannot be read are named", async () => {
		const root = directoryOf({ "locked/f": "", file: { mode: 0, text: "x" } });
		chmodSync(join(root, "locked"), 0);
		chmodSync(root, 0o755);
		await asNobody(async () => {
			await expect(resolveIn(root, query("file"))).rejects.toMatchObject({
				code: "CONTEXT_INVALID",
				message: expect.stringContaining("cannot read file"),
			});
			await expect(resolveIn(root, query("."))).rejects.toMatchObject({ code: "CONTEXT_INVALID" });
		});
		chmodSync(join(root, "locked"), 0o700);
	});

	it("may have any name in UTF-8, and are refused with others", async () => {
		const root = directoryOf({ "a\nb": "1", "ä ☺": "2", "\ufffd": "3" });
		expect(listing(await resolveIn(root, query(".")))).toEqual([": a\nb, ä ☺, \ufffd"]);
		writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x62, 0xff])]), "");
		await expect(resolveIn(root, query("."))).rejects.toMatchObject({
			code: "CONTEXT_INVALID",
			message: expect.stringContaining("UTF-8"),
		});
	});
});

describe("--exclude and --parents", () => {
	const spec = {
		"app/storage/views/keep": "",
		"app/storage/views/t": "",
		"app/storage/c/f": "",
		"app/x.txt": "",
		"b.txt": "",
	};

	it("excludes relative to the source directory, with exceptions", async () => {
		const root = directoryOf(spec);
		expect(listing(await resolveIn(root, { ...query("app"), exclude: ["storage/views"] }))).toEqual([
			"app: storage, storage/c, storage/c/f, x.txt",
		]);
		expect(listing(await resolveIn(root, { ...query("app/storage"), exclude: ["views", "!views/keep"] }))).toEqual([
			"app/storage: c, c/f, views, views/keep",
		]);
		// As in BuildKit: what a source argument names itself is not excluded.
		expect(listing(await resolveIn(root, { ...query("b.*"), exclude: ["*.txt"] }))).toEqual(["b.txt: "]);
	});

	it("keeps parent directories", async () => {
		const root = directoryOf(spec);
		const parents = async (...paths: string[]): Promise<string[]> =>
			listing(await resolveIn(root, { ...query(...paths), parents: true }));
		expect(await parents("app/storage/c/f", "b.txt")).toEqual([
			": app, app/storage, app/storage/c, app/storage/c/f",
			": b.txt",
		]);
		expect(await parents("app/./storage/c")).toEqual(["app: storage, storage/c, storage/c/f"]);
		expect(await parents("**/*.txt")).toEqual([": app, app/x.txt, b.txt"]);
		expect(await parents("app/./")).toEqual([
			"app: storage, storage/c, storage/c/f, storage/views, storage/views/keep, storage/views/t, x.txt",
		]);
		await expect(parents("app/none")).rejects.toMatchObject({ code: "COPY_SOURCE_MISSING" });
	});
});

describe("the digest", () => {
	const spec = { "d/a": "one", "d/b": { link: "a" }, "d/sub/c": "three" };
	const digest = async (root: string): Promise<string> => (await resolveIn(root, query("d"))).digest;

	it("is of what is copied, not of when or where", async () => {
		const root = directoryOf(spec);
		const other = directoryOf(spec);
		utimesSync(join(other, "d/a"), 1, 1);
		expect(await digest(other)).toBe(await digest(root));
	});

	it.each([
		["content", (root: string) => writeFileSync(join(root, "d/a"), "two")],
		["mode", (root: string) => chmodSync(join(root, "d/a"), 0o600)],
		["directory mode", (root: string) => chmodSync(join(root, "d/sub"), 0o700)],
		["another file", (root: string) => writeFileSync(join(root, "d/z"), "")],
		["link target", (root: string) => execFileSync("ln", ["-sfn", "z", join(root, "d/b")])],
		["hard link", (root: string) => execFileSync("ln", ["-f", join(root, "d/a"), join(root, "d/sub/c")])],
	])("changes with %s", async (_what, change) => {
		const root = directoryOf(spec);
		const before = await digest(root);
		change(root);
		expect(await digest(root)).not.toBe(before);
	});

	it("covers heredocs and their order", () => {
		const a = inlineCopy({ name: "a", content: "text\n" }, 0);
		const b = inlineCopy({ name: "b", content: "text\n" }, 1);
		expect(a.digest).not.toBe(b.digest);
		expect(inlineCopy({ name: "a", content: "text\n" }, 99).digest).toBe(a.digest);
		expect(mergeCopies([a, b]).digest).not.toBe(mergeCopies([b, a]).digest);
		expect(mergeCopies([a])).toBe(a);
	});
});

describe("a context", () => {
	it("must be a directory", async () => {
		const root = directoryOf({ file: "" });
		await expect(openContext({ root: join(root, "file") })).rejects.toMatchObject({ code: "CONTEXT_INVALID" });
		await expect(openContext({ root: join(root, "none") })).rejects.toMatchObject({ code: "CONTEXT_INVALID" });
	});

	it("says which name is too long for the system", async () => {
		const root = directoryOf({ "d/a": "" });
		// Step by step: no path may be as long as this one is.
		const deeper = 'for (const name of Array(25).fill("x".repeat(200))) fs.mkdirSync(name), process.chdir(name)';
		execFileSync(process.execPath, ["-e", deeper], { cwd: join(root, "d") });
		try {
			const refused = resolveIn(root, query("d"));
			await expect(refused).rejects.toMatchObject({
				code: "CONTEXT_INVALID",
				message: expect.stringContaining("ENAMETOOLONG"),
			});
		} finally {
			execFileSync("rm", ["-rf", join(root, "d")]);
		}
	});

	it("shows all instructions of a build the same files", async () => {
		const root = directoryOf({ "d/a": "" });
		const context = await openContext({ root });
		const before = await context.resolve(query("d"));
		writeFileSync(join(root, "d/late"), "");
		expect((await context.resolve(query("d"))).digest).toBe(before.digest);
	});
});

describe("local archives", () => {
	const compress = { "x.tar": "", "x.tar.gz": "-z", "x.tar.bz2": "-j", "x.tar.xz": "-J", "x.tar.zst": "--zstd" };

	it("are told by their content", async () => {
		const root = directoryOf({ "in/a": "a", "plain.tar.gz": "no archive", empty: "" });
		for (const [name, flag] of Object.entries(compress)) {
			execFileSync("tar", [...(flag === "" ? [] : [flag]), "-cf", join(root, name), "-C", join(root, "in"), "."]);
		}
		for (const tool of ["gzip", "bzip2", "xz", "zstd"]) {
			writeFileSync(join(root, `text.${tool}`), execFileSync(tool, ["-c"], { input: "only text\n" }));
		}
		const copy = await resolveIn(root, { ...query("x.*", "text.*", "plain.tar.gz", "empty", "in"), unpack: true });
		expect(Object.fromEntries(copy.sources.map((source) => [source.name, source.archive]))).toEqual({
			"x.tar": "none",
			"x.tar.gz": "gzip",
			"x.tar.bz2": "bzip2",
			"x.tar.xz": "xz",
			"x.tar.zst": "zstd",
			"text.gzip": undefined,
			"text.bzip2": undefined,
			"text.xz": undefined,
			"text.zstd": undefined,
			"plain.tar.gz": undefined,
			empty: undefined,
			in: undefined,
		});
		expect((await resolveIn(root, query("x.tar"))).sources[0]?.archive).toBeUndefined();
	});
});

/** Root may read everything: take another identity for the while. */
async function asNobody(action: () => Promise<void>): Promise<void> {
	if (process.geteuid?.() !== 0) return action();
	process.seteuid?.(65_534);
	try {
		await action();
	} finally {
		process.seteuid?.(0);
	}
}
