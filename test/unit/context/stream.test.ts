import { execFileSync } from "node:child_process";
import {
	appendFileSync,
	closeSync,
	ftruncateSync,
	linkSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	symlinkSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	type CopyLayout,
	contentStream,
	copyStream,
	inlineCopy,
	mergeCopies,
	parseChmod,
	planLayout,
	type ResolvedCopy,
} from "../../../src/context/index.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { directoryOf, query, resolveIn, temporaryDirectory, unpack } from "./workspace.ts";

function streamTo(copy: ResolvedCopy, dest: string, more: Partial<CopyLayout> = {}): Readable {
	const { targets } = planLayout(copy, { dest, destIsDirectory: false });
	return copyStream(copy, { targets, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, ...more });
}

/** Paths of all entries; links are not followed, as readdir's own recursion does. */
function pathsBelow(root: string, folder = ""): string[] {
	return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
		const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
		return entry.isDirectory() ? [path, ...pathsBelow(root, path)] : [path];
	});
}

/** Everything that a copy keeps, path by path; hard links as the first path of their inode. */
function treeOf(root: string): Record<string, string> {
	const inodes = new Map<number, string>();
	const facts: Record<string, string> = {};
	for (const path of pathsBelow(root).sort()) {
		const stats = lstatSync(join(root, path));
		const mode = (stats.mode & 0o7777).toString(8);
		if (stats.isSymbolicLink()) facts[path] = `link ${readlinkSync(join(root, path))}`;
		else if (stats.isDirectory()) facts[path] = `directory ${mode}`;
		else {
			const first = inodes.get(stats.ino) ?? path;
			inodes.set(stats.ino, first);
			facts[path] = `file ${mode} ${first} ${readFileSync(join(root, path)).toString("base64").slice(0, 200)}`;
		}
	}
	return facts;
}

async function drain(stream: Readable): Promise<Buffer> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of stream) chunks.push(chunk);
	return Buffer.concat(chunks);
}

describe("copyStream", () => {
	it("carries a tree as it is", async () => {
		const long = `${"long".repeat(30)}/${"name".repeat(40)}`;
		const root = directoryOf({
			"in/a": "a",
			"in/empty": "",
			"in/tool": { mode: 0o4755, text: "#!" },
			"in/none": { mode: 0, text: "x" },
			"in/sticky": { mode: 0o1777 },
			"in/ä ☺/x\ny": "unicode",
			[`in/${long}`]: "long",
			"in/link": { link: "../elsewhere" },
			"in/longlink": { link: "x".repeat(200) },
			"in/big": "0123456789abcdef".repeat(200_000),
		});
		linkSync(join(root, "in/a"), join(root, "in/z"));
		const target = await unpack(streamTo(await resolveIn(root, query("in")), "/opt/app"));
		expect(treeOf(join(target, "opt/app"))).toEqual(treeOf(join(root, "in")));
	});

	it("carries any tree as it is", { timeout: 120_000 }, async () => {
		const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }).filter((text) => {
			const bytes = Buffer.byteLength(text);
			return !/[/\0]/.test(text) && text !== "." && text !== ".." && bytes < 200;
		});
		const file = fc.record({
			names: fc.array(name, { minLength: 1, maxLength: 4 }),
			text: fc.string(),
			link: fc.boolean(),
		});
		await fc.assert(
			fc.asyncProperty(fc.array(file, { maxLength: 6 }), async (files) => {
				const root = temporaryDirectory();
				mkdirSync(join(root, "in"));
				for (const { names, text, link } of files) plant(`${root}/in`, names, text, link);
				const target = await unpack(streamTo(await resolveIn(root, query("in")), "/t/"));
				mkdirSync(join(target, "t"), { recursive: true });
				expect(treeOf(join(target, "t"))).toEqual(treeOf(join(root, "in")));
			}),
			{
				numRuns: 25,
				// A link out of the tree; a walk that followed it would read this host.
				examples: [[[{ names: [" "], text: "/", link: true }]]],
			},
		);
	});

	it("places sources, sets owner, modes and times", async () => {
		const root = directoryOf({ "x/f": { mode: 0o600, text: "f" }, "d/sub/g": { mode: 0o640, text: "g" } });
		const copy = mergeCopies([
			await resolveIn(root, query("x/f", "d")),
			inlineCopy({ name: "note", content: "hi\n" }, 5),
		]);
		const tar = await drain(
			streamTo(copy, "/srv/", { uid: 1001, gid: 300_000, mode: parseChmod("a+rX"), mtime: 86_400 }),
		);
		const list = execFileSync("tar", ["-tv", "--numeric-owner", "--utc", "--full-time"], {
			input: tar,
			encoding: "utf8",
		});
		expect(
			list
				.trim()
				.split("\n")
				.map((line) => line.split(/\s+/).join(" ")),
		).toEqual([
			"-rw-r--r-- 1001/300000 1 1970-01-02 00:00:00 srv/f",
			"drwxr-xr-x 1001/300000 0 1970-01-02 00:00:00 srv/sub",
			"-rw-r--r-- 1001/300000 1 1970-01-02 00:00:00 srv/sub/g",
			"-rw-r--r-- 1001/300000 3 1970-01-02 00:00:00 srv/note",
		]);
	});

	it("keeps times before 1970 and after 2038", async () => {
		const copies = [
			inlineCopy({ name: "old", content: "" }, -86_400),
			inlineCopy({ name: "new", content: "" }, 4_102_444_800),
		];
		const target = await unpack(streamTo(mergeCopies(copies), "/"));
		expect(lstatSync(join(target, "old")).mtimeMs).toBe(-86_400_000);
		expect(lstatSync(join(target, "new")).mtimeMs).toBe(4_102_444_800_000);
	});

	it("leaves archives that are to be unpacked to contentStream", async () => {
		const root = directoryOf({ "in/a": "a", b: "b" });
		execFileSync("tar", ["-czf", join(root, "x.tgz"), "-C", join(root, "in"), "a"]);
		const copy = await resolveIn(root, { ...query("x.tgz", "b"), unpack: true });
		expect(Object.keys(treeOf(await unpack(streamTo(copy, "/t/"))))).toEqual(["t", "t/b"]);
		const entry = copy.sources[0]?.entries[0];
		if (entry === undefined) throw new Error("expected an entry");
		expect(Object.keys(treeOf(await unpack(contentStream(entry), ["-z"])))).toEqual(["a"]);
	});

	it.each([
		["a small file that grew", 10, (file: string) => appendFileSync(file, "more")],
		["a small file with other content", 10, (file: string) => writeFileSync(file, "y".repeat(10))],
		["a large file that shrank", 3_000_000, (file: string) => writeFileSync(file, "short")],
		["a file that is gone", 10, (file: string) => rmSync(file)],
	])("fails clearly for %s", async (_what, size, change) => {
		const root = directoryOf({ "d/f": "x".repeat(size), "d/g": "g" });
		const copy = await resolveIn(root, query("d"));
		await new Promise((resolve) => setTimeout(resolve, 30));
		change(join(root, "d/f"));
		const error = await drain(streamTo(copy, "/d")).catch((caught: unknown) => caught);
		expect(error).toBeInstanceOf(NodebuildError);
		expect(error).toMatchObject({ code: "COPY_FAILED", message: expect.stringContaining(join(root, "d/f")) });
	});

	it("fails when a large file changes while it is streamed", async () => {
		const root = directoryOf({ f: "x".repeat(16 * 1024 * 1024) });
		const copy = await resolveIn(root, query("f"));
		let seen = 0;
		const read = async (): Promise<void> => {
			for await (const chunk of streamTo(copy, "/f")) {
				if (seen === 0) writeFileSync(join(root, "f"), "short");
				seen += chunk.length;
			}
		};
		await expect(read()).rejects.toMatchObject({
			code: "COPY_FAILED",
			message: expect.stringContaining("changed while it was copied"),
		});
		expect(seen).toBeGreaterThan(0);
	});

	it.each([
		[
			"with holes at both ends and between",
			[
				[1_000_000, "data"],
				[7_000_000, "more"],
			],
			9_000_001,
		],
		["that ends in data", [[3_000_000, "data"]], 3_000_004],
		["that is nothing but a hole", [], 20_000_000],
	] as const)("keeps the holes of a file %s", async (_what, pieces, size) => {
		const root = directoryOf({ "in/f": "", [`in/${"long".repeat(30)}/g`]: "" });
		const names = ["f", `${"long".repeat(30)}/g`];
		for (const name of names) {
			const file = openSync(join(root, "in", name), "r+");
			ftruncateSync(file, size);
			for (const [offset, text] of pieces) writeSync(file, text, offset);
			closeSync(file);
		}
		const copy = await resolveIn(root, query("in"));
		const tar = await drain(streamTo(copy, "/t"));
		expect(tar.length).toBeLessThan(300_000);
		const target = join(await unpack(Readable.from([tar])), "t");
		for (const name of names) {
			expect(readFileSync(join(target, name)).equals(readFileSync(join(root, "in", name)))).toBe(true);
			expect(lstatSync(join(target, name)).blocks * 512).toBeLessThan(300_000);
		}
	});

	it("can be left in the middle", async () => {
		const root = directoryOf({ f: "x".repeat(8 * 1024 * 1024), g: "g" });
		const stream = streamTo(await resolveIn(root, query(".")), "/d");
		for await (const chunk of stream) {
			expect(chunk.length).toBeGreaterThan(0);
			break;
		}
		expect(stream.destroyed).toBe(true);
	});
});

/** Paths may collide: what is there stays. */
function plant(base: string, names: readonly string[], text: string, link: boolean): void {
	try {
		mkdirSync([base, ...names.slice(0, -1)].join("/"), { recursive: true });
		const path = [base, ...names].join("/");
		if (link) symlinkSync(text.replaceAll("\0", "") || "x", path);
		else writeFileSync(path, text, { flag: "wx" });
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code ?? "";
		if (!["EEXIST", "ENOTDIR", "EISDIR", "ELOOP", "ENOENT"].includes(code)) throw error;
	}
}
