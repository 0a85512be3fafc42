import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { noteCost, readCosts } from "../../../src/build/costs.ts";
import { openStore } from "../../../src/layers/store.ts";
import { tempDir } from "../system/child.ts";

async function open() {
	const store = await openStore(await tempDir());
	await mkdir(join(store.home, "host"));
	return store;
}

test("a host that has not shown how quick it is is taken for a usual one", async () => {
	const store = await open();
	const [emulated, native] = [await readCosts(store, "tcg"), await readCosts(store, "kvm")];
	expect(emulated.boot).toBeGreaterThan(native.boot);
	expect(emulated.boot).toBeGreaterThan(emulated.resume);
});

test("what it shows counts for half, for its accelerator only", async () => {
	const store = await open();
	const usual = await readCosts(store, "kvm");
	const { resume } = await readCosts(store, "tcg");
	for (let time = 0; time < 12; time++) await noteCost(store, "tcg", "boot", 40_000);
	const { boot } = await readCosts(store, "tcg");
	expect(Math.abs(boot - 40_000)).toBeLessThan(100);
	await noteCost(store, "tcg", "boot", 20_000);
	expect((await readCosts(store, "tcg")).boot).toBe(Math.round((boot + 20_000) / 2));
	expect((await readCosts(store, "tcg")).resume).toBe(resume);
	expect(await readCosts(store, "kvm")).toEqual(usual);
});

test.each(["", "{", "[]", '{"boot":"soon","resume":-1}'])("a torn memory is not believed: %j", async (text) => {
	const store = await open();
	const usual = await readCosts(store, "tcg");
	await writeFile(join(store.home, "host", "costs-tcg.json"), text);
	expect(await readCosts(store, "tcg")).toEqual(usual);
});

test("a store that cannot be written forgets, and says nothing", async () => {
	const store = await openStore(await tempDir());
	await noteCost(store, "tcg", "boot", 1);
	expect((await readCosts(store, "tcg")).boot).toBeGreaterThan(1);
});
