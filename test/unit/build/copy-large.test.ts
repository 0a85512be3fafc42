/** Large copies, which a disk brings: what lies in the archive and what lies beside it ends up as over a stream. */
import { createHash } from "node:crypto";
import {
	chmodSync,
	linkSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { copyIntoGuest } from "../../../src/build/copy.ts";
import { apartScript } from "../../../src/build/copy-script.ts";
import { machineDestination } from "../../../src/build/destination.ts";
import {
	type ApartContent,
	copyWithApart,
	type CopyLayout,
	findApart,
	type ResolvedCopy,
} from "../../../src/context/index.ts";
import type { CopyRequest } from "../../../src/plan/types.ts";
import { directoryOf, query, resolveIn, temporaryDirectory } from "../context/workspace.ts";
import { localGuest, runHere } from "../guest/local-guest.ts";

const ME = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
const MIB = 2 ** 20;

/** Bytes that tell where they stand. */
function bytes(size: number, seed: string): Buffer {
	const buffer = Buffer.alloc(size, `${seed} `);
	for (let at = 0; at + 8 < size; at += 4096) buffer.writeUInt32BE(at, at);
	return buffer;
}

/** COPY to `root` + `dest`; the machine's disks are the files themselves. */
async function copy(copied: ResolvedCopy, root: string, dest: string, more: Partial<CopyRequest> = {}) {
	const guest = localGuest();
	const folder = temporaryDirectory();
	const happened: string[] = [];
	const attach = async ({ file }: { file: string }) => {
		happened.push("attach");
		return { device: file, detach: async () => void happened.push("detach") };
	};
	const request = { origins: [], dest: `${root}${dest}`, chown: ME, link: false, parents: false, exclude: [] };
	await copyIntoGuest(
		machineDestination(guest, { folder, attach }),
		{ ...request, unpack: false, ...more },
		copied,
		new AbortController().signal,
	).finally(() => expect(readdirSync(folder)).toEqual([]));
	return { happened, commands: guest.asked.length };
}

/** All that a copy keeps. */
function facts(root: string, folder = ""): Record<string, string> {
	const inodes = new Map<number, string>();
	const found: Record<string, string> = {};
	for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).sort()) {
		const { mode, mtimeMs, ino, size } = lstatSync(join(root, entry));
		if ((mode & 0o170000) !== 0o100000) continue;
		const first = inodes.get(ino) ?? entry;
		inodes.set(ino, first);
		const digest = createHash("sha256")
			.update(readFileSync(join(root, entry)))
			.digest("hex");
		found[entry] = `${(mode & 0o7777).toString(8)} ${size} ${Math.floor(mtimeMs / 1000)} ${first} ${digest}`;
	}
	return found;
}

function workspace(): string {
	const context = directoryOf({ "s/small": "text", "s/sub/other": { mode: 0o640, text: "other" } });
	const large = join(context, "s/large.bin");
	writeFileSync(large, bytes(5 * MIB + 1001, "large"));
	chmodSync(large, 0o4755);
	utimesSync(large, 1_500_000_000, 1_500_000_000);
	linkSync(large, join(context, "s/sub/same inode"));
	const strange = join(context, 's/sub/it\'s "large" $HOME\n');
	writeFileSync(strange, bytes(4 * MIB, "strange"));
	chmodSync(strange, 0o400);
	return context;
}

test("large files are as they are in the context", async () => {
	const context = workspace();
	const root = temporaryDirectory();
	const { happened } = await copy(await resolveIn(context, query("s")), root, "/d/");
	expect(facts(join(root, "d"))).toEqual(facts(join(context, "s")));
	expect(happened).toEqual(["attach", "detach"]);
});

test("what they take the place of is left to whoever else has it", async () => {
	const context = workspace();
	const root = directoryOf({ "d/large.bin": "old", "other/kept": null });
	writeFileSync(join(root, "d/large.bin"), bytes(9 * MIB, "old"));
	linkSync(join(root, "d/large.bin"), join(root, "other/old"));
	await copy(await resolveIn(context, query("s")), root, "/d");
	expect(facts(join(root, "d"))).toEqual(facts(join(context, "s")));
	expect(readFileSync(join(root, "other/old")).equals(bytes(9 * MIB, "old"))).toBe(true);
});

test("where several sources have a file of one name, the last one has it", async () => {
	const context = temporaryDirectory();
	for (const [folder, size] of [
		["a", 9 * MIB],
		["b", 6 * MIB],
		["c", 10],
	] as const) {
		mkdirSync(join(context, folder));
		writeFileSync(join(context, folder, "f"), bytes(size, folder));
	}
	for (const order of [
		["a", "b"],
		["b", "a"],
		["a", "c"],
		["c", "b"],
	] as const) {
		const root = temporaryDirectory();
		await copy(await resolveIn(context, query(...order)), root, "/d/");
		expect(facts(join(root, "d"))).toEqual(facts(join(context, order[1])));
	}
});

test("the destination is looked at while the disk is written, and written anew where it is another one", async () => {
	const context = workspace();
	const root = directoryOf({ "real/kept": "" });
	symlinkSync("real", join(root, "d"));
	const copied = await resolveIn(context, query("s"));
	const { happened, commands } = await copy(copied, root, "/d/");
	expect(commands).toBe(3);
	// The first disk may have been plugged in by then.
	expect(["attach detach", "attach detach attach detach"]).toContain(happened.join(" "));
	expect(readdirSync(join(root, "real")).sort()).toEqual(["kept", "large.bin", "small", "sub"]);
	expect(await copy(copied, root, "/new/")).toMatchObject({ commands: 2 });
});

test("what stands in the way is told, and nothing is written", async () => {
	const context = workspace();
	const root = directoryOf({ "d/large.bin/x": "old" });
	await expect(copy(await resolveIn(context, query("s")), root, "/d/")).rejects.toMatchObject({
		code: "COPY_FAILED",
		message: expect.stringContaining("cannot replace to directory"),
	});
	expect(readdirSync(join(root, "d"))).toEqual(["large.bin"]);
});

test("a large file that has changed since it was digested is not copied", async () => {
	const context = workspace();
	const copied = await resolveIn(context, query("s"));
	writeFileSync(join(context, "s/large.bin"), bytes(5 * MIB + 1001, "later"));
	await expect(copy(copied, temporaryDirectory(), "/d/")).rejects.toMatchObject({ code: "COPY_FAILED" });
});

describe("beside the archive", () => {
	const layout: CopyLayout = { targets: ["/d"], uid: 0, gid: 0 };
	const names = async (copied: ResolvedCopy): Promise<readonly string[]> =>
		(await findApart(copied, layout)).map(({ name }) => name);

	test("are large files, but none with holes, attributes or a second name of another", async () => {
		const context = workspace();
		truncateSync(writeThen(join(context, "s/holes"), bytes(MIB, "holes")), 64 * MIB);
		const copied = await resolveIn(context, query("s"));
		expect(await names(copied)).toEqual(["d/large.bin", 'd/sub/it\'s "large" $HOME\n']);
		const marked = copied.sources.map((source) => ({
			...source,
			entries: source.entries.map((entry) => ({ ...entry, xattrs: { "user.a": "YQ==" } })),
		}));
		expect(await names({ ...copied, sources: marked })).toEqual([]);
	});

	test("are so many that one argument holds their names", async () => {
		const context = temporaryDirectory();
		const large = writeThen(join(context, "large"), bytes(4 * MIB, "large"));
		const copied = await resolveIn(context, query("large"));
		const [entry] = copied.sources[0]?.entries ?? [];
		if (entry === undefined) throw new Error(`expected an entry for ${large}`);
		const entries = Array.from({ length: 300 }, (_, index) => ({ ...entry, path: `${"it's ".repeat(130)}${index}` }));
		const sources = copied.sources.map((source) => ({ ...source, entries }));
		const apart = await findApart({ ...copied, sources }, layout);
		const contents = apart.map((file) => ({ ...file, offset: 2 ** 40, room: 2 ** 40 }));
		expect(apart.length).toBeGreaterThan(20);
		expect(apartScript(contents, "/run/some/where").length).toBeLessThan(100_000);
	});

	test("are written to and never made, which a sticky directory refuses", async () => {
		const root = temporaryDirectory();
		const file = { name: "gone", offset: 0, room: MIB, entry: { size: 3 }, mtime: 0 } as unknown as ApartContent;
		const disk = writeThen(join(temporaryDirectory(), "disk"), bytes(MIB, "disk"));
		await runHere([
			"sh",
			"-c",
			apartScript([file], root).replace(/^.*conv=notrunc \|\| return$/m, "\tfalse || return"),
			disk,
		]);
		expect(readdirSync(root)).toEqual([]);
	});

	test("they are filled by a dd that knows no direct access too", async () => {
		const context = workspace();
		const copied = await resolveIn(context, query("s"));
		const { stream, contents } = copyWithApart(copied, layout, await findApart(copied, layout));
		const disk = join(temporaryDirectory(), "disk");
		const parts: Uint8Array[] = [];
		for await (const part of stream) parts.push(part as Uint8Array);
		writeFileSync(disk, Buffer.concat(parts));
		expect(lstatSync(disk).size % 4096).toBe(0);
		const bin = temporaryDirectory();
		const dd = (await runHere(["sh", "-c", "command -v dd"])).stdout.trim();
		writeFileSync(join(bin, "dd"), `#!/bin/sh\ncase $* in *iflag*) exit 1 ;; esac\nexec ${dd} "$@"\n`, { mode: 0o755 });
		const root = temporaryDirectory();
		const script = `tar -x -p -f "$0" -C '${root}' && { ${apartScript(contents, root)}}`;
		const env = { PATH: `${bin}:${process.env.PATH}` };
		expect(await runHere(["sh", "-c", script, disk], { env })).toMatchObject({ status: 0, stdout: "" });
		expect(facts(join(root, "d"))).toEqual(facts(join(context, "s")));
	});
});

function writeThen(path: string, content: Buffer): string {
	writeFileSync(path, content);
	return path;
}
