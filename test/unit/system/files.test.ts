import { spawnSync } from "node:child_process";
import { mkdir, open, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
	diskUsage,
	formatBytes,
	freeSpace,
	fsyncDir,
	fsyncFile,
	removeStaleTemps,
	requireSpace,
	tempBeside,
	whenFull,
	writeFileAtomic,
} from "../../../src/system/files.ts";
import { ownedName } from "../../../src/system/owner.ts";
import { tempDir } from "./child.ts";

test("an atomic write replaces the content, with the mode asked for, and leaves nothing else", async () => {
	const folder = await tempDir();
	const path = join(folder, "record.json");
	await writeFileAtomic(path, "old");
	await writeFileAtomic(path, "new", { mode: 0o640, durable: true });
	expect(await readFile(path, "utf8")).toBe("new");
	expect((await stat(path)).mode & 0o777).toBe(0o640);
	expect(await readdir(folder)).toEqual(["record.json"]);
});

test("a write that fails leaves the old content and no temporary file", async () => {
	const folder = await tempDir();
	const path = join(folder, "taken");
	await mkdir(path);
	await expect(writeFileAtomic(path, "text")).rejects.toThrow();
	expect(await readdir(folder)).toEqual(["taken"]);
});

test("files and folders can be made durable", async () => {
	const folder = await tempDir();
	await writeFile(join(folder, "file"), "data");
	await fsyncFile(join(folder, "file"));
	await fsyncDir(folder);
	await expect(fsyncDir(join(folder, "file"))).rejects.toThrow();
});

test("disk usage counts blocks, not the apparent size, and does not follow links", async () => {
	const folder = await tempDir();
	const sparse = await open(join(folder, "sparse"), "w");
	await sparse.truncate(1 << 30);
	await sparse.close();
	await mkdir(join(folder, "deep"));
	await writeFile(join(folder, "deep", "file"), Buffer.alloc(1 << 20, 1));
	await symlink("/", join(folder, "link"));
	const used = diskUsage(folder);
	expect(used).toBeGreaterThanOrEqual(1 << 20);
	expect(used).toBeLessThan(1 << 21);
	const du = spawnSync("du", ["-s", "--block-size=1", folder], { encoding: "utf8" });
	expect(used).toBe(Number.parseInt(du.stdout, 10));
	expect(diskUsage(join(folder, "absent"))).toBe(0);
});

test("free space is that of the nearest existing folder", async () => {
	const folder = await tempDir();
	expect(await freeSpace(join(folder, "a", "b"))).toBeGreaterThan(0);
});

test("a full disk says what was needed, what is free, and what to do", async () => {
	// The kernel's own ENOSPC: /dev/full refuses every write.
	const write = whenFull({ path: "/dev/full", action: "write the layer", needed: 3 * 1024 ** 3 }, () =>
		writeFile("/dev/full", "x"),
	);
	await expect(write).rejects.toMatchObject({
		code: "HOST_DISK_FULL",
		message: expect.stringMatching(/write the layer: needed 3\.0 GiB, .* free at \/dev\/full/),
		hint: expect.stringContaining("nodebuild prune"),
		cause: expect.objectContaining({ code: "ENOSPC" }),
	});
	await expect(requireSpace("/", Number.MAX_SAFE_INTEGER, "convert")).rejects.toMatchObject({ code: "HOST_DISK_FULL" });
	await requireSpace("/", 0, "convert");
	await expect(whenFull({ path: "/", action: "x" }, () => readFile("/absent"))).rejects.toMatchObject({
		code: "ENOENT",
	});
});

test("temporary files of dead owners are removed, those of living ones and other files stay", async () => {
	const folder = await tempDir();
	const mine = tempBeside(join(folder, "disk.qcow2"));
	const dead = mine.replace(/\.\d+\.(\d+)\./, (_, start) => `.${process.pid}.${Number(start) - 1}.`);
	await writeFile(mine, "");
	await writeFile(dead, "");
	await writeFile(join(folder, ".vimrc.tmp"), "");
	await writeFile(join(folder, ownedName()), "");
	expect(await removeStaleTemps(folder)).toEqual([dead]);
	expect(await readdir(folder)).toHaveLength(3);
	expect(await removeStaleTemps(join(folder, "absent"))).toEqual([]);
});

test("sizes are written for people", () => {
	expect([0, 1023, 1024, 1536 * 1024, 5 * 1024 ** 4].map(formatBytes)).toEqual([
		"0 bytes",
		"1023 bytes",
		"1.0 KiB",
		"1.5 MiB",
		"5.0 TiB",
	]);
});
