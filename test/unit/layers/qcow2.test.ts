import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createOverlay } from "../../../src/layers/overlay.ts";
import { check, convert, create, info, measure, renameBacking, resize } from "../../../src/layers/qcow2.ts";
import { diskUsage } from "../../../src/system/files.ts";
import { tempDir } from "../system/child.ts";
import { holds, qemuIo } from "./fixtures.ts";

const SIZE = 32 * 1024 * 1024;

test("an overlay is made without its backing file, is small, and reads through it once that is there", async () => {
	const folder = await tempDir();
	const file = join(folder, "overlay.qcow2");
	await createOverlay({ file, backingName: "base.qcow2", backingFormat: "qcow2", virtualSize: SIZE });
	expect(await info(file)).toMatchObject({
		format: "qcow2",
		virtualSize: SIZE,
		backingName: "base.qcow2",
		backingFormat: "qcow2",
	});
	expect(diskUsage(file)).toBeLessThan(128 * 1024);
	await create(join(folder, "base.qcow2"), "qcow2", SIZE);
	await qemuIo(join(folder, "base.qcow2"), "write -P 5 1M 64k");
	expect(await holds(file, 5, "1M", "64k")).toBe(true);
});

test("convert flattens, keeps holes, and reports its progress", async () => {
	const folder = await tempDir();
	const base = join(folder, "base.qcow2");
	await create(base, "qcow2", SIZE);
	await qemuIo(base, "write -P 5 1M 64k");
	const file = join(folder, "overlay.qcow2");
	await createOverlay({ file, backingName: "base.qcow2", backingFormat: "qcow2", virtualSize: SIZE });
	await qemuIo(file, "write -P 6 2M 64k");
	expect(await measure(file)).toBeGreaterThanOrEqual(128 * 1024);
	expect(await measure(file)).toBeLessThan(SIZE / 2);
	const shares: number[] = [];
	const flat = join(folder, "flat.qcow2");
	await convert(file, flat, { srcFormat: "qcow2", dstFormat: "qcow2", onProgress: (share) => shares.push(share) });
	expect(await info(flat)).not.toHaveProperty("backingName");
	expect(await holds(flat, 5, "1M", "64k")).toBe(true);
	expect(await holds(flat, 6, "2M", "64k")).toBe(true);
	expect(shares.at(-1)).toBe(1);
	expect(shares).toEqual([...shares].sort((a, b) => a - b));
	const raw = join(folder, "flat.raw");
	await convert(file, raw, { srcFormat: "qcow2", dstFormat: "raw" });
	expect((await stat(raw)).size).toBe(SIZE);
	expect(diskUsage(raw)).toBeLessThan(1024 * 1024);
});

test("a convert can be interrupted", async () => {
	const folder = await tempDir();
	await create(join(folder, "a.qcow2"), "qcow2", SIZE);
	const options = { dstFormat: "raw", signal: AbortSignal.abort() };
	await expect(convert(join(folder, "a.qcow2"), join(folder, "b"), options)).rejects.toMatchObject({
		code: "INTERRUPTED",
	});
});

test("what is no disk is named with qemu-img's words", async () => {
	const folder = await tempDir();
	const path = join(folder, "text.qcow2");
	await writeFile(path, "no disk");
	await expect(info(path, "qcow2")).rejects.toMatchObject({
		code: "STORE_INVALID",
		message: expect.stringContaining(path),
		details: expect.arrayContaining([expect.stringContaining("not in qcow2 format")]),
	});
	expect(await info(path)).toMatchObject({ format: "raw" });
	expect((await check(path)).ok).toBe(false);
});

test("disks grow, get another backing name, and are checked", async () => {
	const folder = await tempDir();
	const file = join(folder, "overlay.qcow2");
	await createOverlay({ file, backingName: "a.qcow2", backingFormat: "qcow2", virtualSize: SIZE });
	await renameBacking(file, "../b.qcow2", "qcow2");
	expect((await info(file)).backingName).toBe("../b.qcow2");
	const disk = join(folder, "disk.qcow2");
	await create(disk, "qcow2", SIZE);
	await resize(disk, "qcow2", 2 * SIZE);
	expect((await info(disk)).virtualSize).toBe(2 * SIZE);
	expect(await check(disk)).toEqual({ ok: true, problems: [] });
});
