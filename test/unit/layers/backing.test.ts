import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deepBacking } from "../../../src/layers/backing.ts";
import { createOverlay } from "../../../src/layers/overlay.ts";
import { check, convert, create, faultOf, info, measure } from "../../../src/layers/qcow2.ts";
import { tempDir } from "../system/child.ts";

const SIZE = 2 ** 20;

/** Overlays as layers lie in a store; returns the topmost. */
async function chain(depth: number): Promise<string> {
	const home = await tempDir();
	const name = (index: number): string => String(index).padStart(64, "0");
	const file = (index: number): string => join(home, "layers", name(index), "disk.qcow2");
	for (let index = 0; index <= depth; index++) {
		await mkdir(join(home, "layers", name(index)), { recursive: true });
		if (index === 0) await create(file(0), "qcow2", SIZE);
		else {
			const backingName = `../../layers/${name(index - 1)}/disk.qcow2`;
			await createOverlay({ file: file(index), backingName, backingFormat: "qcow2", virtualSize: SIZE });
		}
	}
	return file(depth);
}

test("a disk on eighty layers is checked, measured and copied, though their names make no path", async () => {
	const top = await chain(80);
	expect(await check(top)).toEqual({ ok: true, problems: [] });
	expect(await faultOf(top)).toBeUndefined();
	expect(await measure(top)).toBeGreaterThan(0);
	const flat = `${top}.raw`;
	await convert(top, flat, { srcFormat: "qcow2", dstFormat: "raw" });
	expect((await stat(flat)).size).toBe(SIZE);
	expect((await info(top)).virtualSize).toBe(SIZE);
});

test("QEMU is told what it would not find, and left to find the rest", async () => {
	expect(deepBacking(await chain(3))).toBeUndefined();
	let depth = 0;
	for (let node = deepBacking(await chain(60)); node !== undefined; node = node.backing) depth++;
	expect(depth).toBe(60);
});
