/** Free blocks of real file systems, on disks that a file holds. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clearFreeBlocks, overlap } from "../../../src/image/free-blocks.ts";
import type { BlockDevice, Extent } from "../../../src/layers/block-device.ts";

const SIZE = 64 << 20;
/** Where the partition begins. */
const START = 1 << 20;
let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "nodebuild-free-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });

/** The file as a disk; like QEMU's it knows holes only in its own clusters. */
async function withFile<T>(path: string, use: (disk: BlockDevice & { cleared: Extent[] }) => Promise<T>): Promise<T> {
	await using file = await open(path, "r+");
	const { size } = await file.stat();
	const cleared: Extent[] = [];
	return await use({
		size,
		cleared,
		read: async (offset, length) => (await file.read(Buffer.alloc(length), 0, length, offset)).buffer,
		written: async (range) => [range],
		clear: async (range) => {
			cleared.push(range);
			await file.write(Buffer.alloc(range.length), 0, range.length, range.offset);
		},
	});
}

/** A disk with a file that stays, and one that was there and is gone. */
async function diskWith(
	name: string,
	start: number,
	...options: string[]
): Promise<{ path: string; kept: Buffer; gone: Buffer }> {
	const path = join(folder, name);
	const system = join(folder, `${name}.ext`);
	run("truncate", "-s", String(SIZE - start), system);
	run("mke2fs", "-q", "-F", ...options, system);
	const kept = randomBytes(300_000);
	const gone = randomBytes(300_000);
	await writeFile(join(folder, "kept"), kept);
	await writeFile(join(folder, "gone"), gone);
	const debugfs = (command: string) => run("debugfs", "-w", "-R", command, system);
	debugfs(`write ${join(folder, "gone")} gone`);
	debugfs(`write ${join(folder, "kept")} kept`);
	debugfs("rm gone");
	run("truncate", "-s", String(SIZE), path);
	if (start > 0)
		run(
			"sh",
			"-c",
			`echo "start=${start / 512}" | sfdisk -q --label ${name.startsWith("mbr") ? "dos" : "gpt"} ${path}`,
		);
	run("dd", `if=${system}`, `of=${path}`, "bs=1M", `seek=${start >> 20}`, "conv=notrunc,sparse", "status=none");
	return { path, kept, gone };
}

async function content(path: string): Promise<Buffer> {
	await using file = await open(path, "r");
	return file.readFile();
}

describe("blocks that no file has any more", () => {
	test.each([
		["gpt-ext4", START, ["-t", "ext4"]],
		["gpt-ext4-wide", START, ["-t", "ext4", "-O", "64bit,metadata_csum"]],
		["mbr-ext3", START, ["-t", "ext3"]],
		["ext2-small-blocks", 0, ["-t", "ext2", "-b", "1024"]],
		["gpt-narrow-groups", START, ["-t", "ext4", "-g", "1024", "-O", "^64bit"]],
	] as const)("are zeros afterwards, and those that are used as before: %s", async (name, start, options) => {
		const { path, kept, gone } = await diskWith(name, start, ...options);
		const before = await content(path);
		expect(before.includes(gone.subarray(0, 4096))).toBe(true);
		await withFile(path, clearFreeBlocks);
		const after = await content(path);
		for (let at = 0; at + 64 <= gone.length; at += 1024) expect(after.includes(gone.subarray(at, at + 64))).toBe(false);
		const system = join(folder, "after.ext");
		await writeFile(system, after.subarray(start));
		run("truncate", "-s", String(SIZE - start), system);
		run("e2fsck", "-fn", system);
		run("debugfs", "-R", `dump kept ${join(folder, "dumped")}`, system);
		expect((await content(join(folder, "dumped"))).equals(kept)).toBe(true);
	});

	test.each([
		["has to be recovered", 0x60, 0x4],
		["is not clean", 0x3a, 0],
		["allocates in clusters of blocks", 0x64, 0x200],
	])("stay in a file system that %s", async (_why, field, value) => {
		const { path } = await diskWith("unclean", 0, "-t", "ext2");
		const before = await content(path);
		before.writeUInt16LE(field === 0x3a ? value : before.readUInt16LE(1024 + field) | value, 1024 + field);
		await writeFile(path, before);
		expect(await withFile(path, clearFreeBlocks)).toBe(0);
		expect((await content(path)).equals(before)).toBe(true);
	});

	test.each([
		["XFS", 0, "XFSB"],
		["LUKS", 0, "LUKS"],
		["LVM", 512, "LABELONE"],
		["swap", 4086, "SWAPSPACE2"],
		["btrfs", 0x10040, "_BHRfS_M"],
	])("stay where %s has taken the place of an ext file system", async (_name, at, magic) => {
		const { path } = await diskWith("replaced", 0, "-t", "ext2");
		const before = await content(path);
		before.write(magic, at, "latin1");
		await writeFile(path, before);
		expect(await withFile(path, clearFreeBlocks)).toBe(0);
		expect((await content(path)).equals(before)).toBe(true);
	});

	test("stay in a group whose bitmap does not tell what its descriptor does", async () => {
		const { path } = await diskWith("mismatch", 0, "-t", "ext2", "-b", "1024");
		const before = await content(path);
		// Free blocks of the first group, which has both files.
		before.writeUInt16LE(before.readUInt16LE(2048 + 0xc) - 1, 2048 + 0xc);
		await writeFile(path, before);
		await withFile(path, async (disk) => {
			await clearFreeBlocks(disk);
			expect(disk.cleared.filter(({ offset }) => offset < 8192 * 1024)).toEqual([]);
		});
	});

	test("a disk that is empty, too small, or of another file system is left as it is", async () => {
		const path = join(folder, "other");
		for (const data of [Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(1 << 20), randomBytes(1 << 20)]) {
			await writeFile(path, data);
			expect(await withFile(path, clearFreeBlocks)).toBe(0);
			expect((await content(path)).equals(data)).toBe(true);
		}
	});

	test("only those that are written are cleared", () => {
		const extent = (offset: number, length: number): Extent => ({ offset, length });
		expect([
			...overlap([extent(0, 10), extent(20, 10), extent(40, 10)], [extent(5, 20), extent(28, 2), extent(45, 100)]),
		]).toEqual([extent(5, 5), extent(20, 5), extent(28, 2), extent(45, 5)]);
	});
});

/** A FAT volume with a file that stays, and one that was there and is gone. @param options of mformat(1) */
async function fatWith(name: string, size: number, ...options: string[]) {
	const path = join(folder, name);
	run("truncate", "-s", String(size), path);
	run("mformat", "-i", path, ...options, "::");
	const [kept, gone] = [randomBytes(100_000), randomBytes(100_000)];
	await writeFile(join(folder, "kept"), kept);
	await writeFile(join(folder, "gone"), gone);
	run("mcopy", "-i", path, join(folder, "gone"), "::/gone");
	run("mcopy", "-i", path, join(folder, "kept"), "::/kept");
	run("mdel", "-i", path, "::/gone");
	return { path, kept, gone };
}

describe("clusters that no file of an EFI system partition has any more", () => {
	const KINDS = [
		["FAT12", 1_440 << 10, ["-f", "1440"]],
		["FAT16", 32 << 20, []],
		["FAT32", 64 << 20, ["-F", "-c", "1"]],
	] as const;

	test.each(KINDS)("are zeros afterwards, and those that are used as before: %s", async (name, size, options) => {
		const { path, kept, gone } = await fatWith(name, size, ...options);
		expect((await content(path)).includes(gone.subarray(0, 512))).toBe(true);
		expect(await withFile(path, clearFreeBlocks)).toBeGreaterThan(gone.length);
		const after = await content(path);
		for (let at = 0; at + 64 <= gone.length; at += 512) expect(after.includes(gone.subarray(at, at + 64))).toBe(false);
		run("mcopy", "-o", "-i", path, "::/kept", join(folder, "dumped"));
		expect((await content(join(folder, "dumped"))).equals(kept)).toBe(true);
	});

	test.each([
		["was not unmounted", 0x25, 1],
		["has no signature", 510, 0],
		["has clusters of no size", 13, 0],
		["says that it is of another kind", 0x3a, 0x32],
	])("stay in a volume that %s", async (_why, at, value) => {
		const { path } = await fatWith("unsound", 32 << 20);
		const before = await content(path);
		before.writeUInt8(value, at);
		await writeFile(path, before);
		expect(await withFile(path, clearFreeBlocks)).toBe(0);
		expect((await content(path)).equals(before)).toBe(true);
	});

	test("stay in a volume whose two tables differ", async () => {
		const { path } = await fatWith("differing", 32 << 20);
		const before = await content(path);
		before.writeUInt8(before.readUInt8(512 * before.readUInt16LE(14) + 9) ^ 1, 512 * before.readUInt16LE(14) + 9);
		await writeFile(path, before);
		expect(await withFile(path, clearFreeBlocks)).toBe(0);
	});
});
