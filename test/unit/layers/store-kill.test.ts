import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Digest } from "../../../src/digest.ts";
import { openStore, type Store } from "../../../src/layers/store.ts";
import { type Child, bundle, start, tempDir } from "../system/child.ts";
import { baseRecord } from "./fixtures.ts";

const KILLS = 30;

/** Commits layers on layers and images on them, moves a tag, prunes; says what is done once it is. */
const BUILDER = `
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "./src/layers/store.ts";
import { sha256 } from "./src/digest.ts";
import { baseRecord, layerRecord, imageRecord } from "./test/unit/layers/fixtures.ts";
const [home, run] = process.argv.slice(2);
const store = await openStore(home);
const { digest: base } = await store.bases.find(baseRecord("debian:12").digest);
const work = await store.workDir();
let parent;
for (let i = 0; ; i++) {
	const title = "run " + run + " step " + i;
	await using lock = await store.lock(title);
	const file = join(work.path, "disk");
	writeFileSync(file, title.padEnd(100_000, "."));
	const layer = await store.layers.commit(layerRecord(base, title, parent), file);
	console.log("layer " + layer.key);
	writeFileSync(file, ("image of " + title).padEnd(50_000, "."));
	const image = await store.images.add(imageRecord(layer, title), file, ["web", "web:" + run + "-" + i]);
	console.log("image " + image.key);
	if (i % 5 === 4) {
		await store.prune({ all: true });
		await store.images.remove("web:" + run + "-" + (i - 1));
		console.log("removed web:" + run + "-" + (i - 1));
	}
	parent = layer.key;
}
`;

async function prepare(home: string): Promise<void> {
	await using store = await openStore(home);
	const file = join(store.downloadsDir, "base");
	await writeFile(file, "base");
	await store.bases.add(baseRecord("debian:12"), file);
}

function announced(child: Child, what: string): string[] {
	const lines = child.output().split("\n").slice(0, -1);
	return lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1));
}

/** What a builder said is done lies whole in the store; everything that lies there is whole. */
async function expectWhole(store: Store, child: Child): Promise<void> {
	for (const key of announced(child, "layer")) {
		expect(await store.layers.find(key as Digest)).toBeDefined();
	}
	for (const { title, disk } of await store.layers.list()) {
		expect(await readFile(disk, "utf8")).toBe(title.padEnd(100_000, "."));
	}
	const removed = announced(child, "removed");
	for (const name of removed) expect(await store.images.find(name)).toBeUndefined();
	for (const { history, disk, tags } of await store.images.list()) {
		expect(await readFile(disk, "utf8")).toBe(`image of ${history[0]}`.padEnd(50_000, "."));
		for (const tag of tags) expect((await store.images.get(tag)).disk).toBe(disk);
	}
	const last = announced(child, "image").at(-1);
	if (last !== undefined) expect(await store.images.find("web")).toBeDefined();
	expect(await store.problems()).toEqual([]);
}

test(`${KILLS} kills at random moments leave a usable store with all that was done`, async () => {
	const folder = await tempDir();
	const home = join(folder, "store");
	await prepare(home);
	const script = await bundle(folder, BUILDER);
	let steps = 0;
	for (let run = 0; run < KILLS; run++) {
		const child = start(script, [home, String(run)]);
		// Some are killed while they open the store, most of them between any two system calls of a commit.
		if (run % 5 !== 0) await child.says("layer ");
		await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
		child.process.kill("SIGKILL");
		expect(await child.ended).toBe("SIGKILL");
		const store = await openStore(home);
		expect(await readdir(join(home, "tmp"))).toEqual([]);
		expect(await readdir(join(home, "locks"))).toEqual([]);
		await expectWhole(store, child);
		steps += announced(child, "layer").length;
		await store.close();
		// The check reads everything: start small again now and then.
		if (run % 10 === 9) {
			await rm(home, { recursive: true });
			await prepare(home);
		}
	}
	expect(steps).toBeGreaterThan(KILLS / 2);
}, 240_000);

test("a process that dies in the store disturbs none that goes on in it", async () => {
	const folder = await tempDir();
	const home = join(folder, "store");
	await prepare(home);
	const script = await bundle(folder, BUILDER);
	const survivor = start(script, [home, "survivor"]);
	await survivor.says("layer ");
	for (let run = 0; run < 5; run++) {
		const victim = start(script, [home, `victim${run}`]);
		await victim.says("layer ");
		await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
		victim.process.kill("SIGKILL");
		await victim.ended;
	}
	const before = announced(survivor, "layer").length;
	await new Promise((resolve) => setTimeout(resolve, 500));
	expect(survivor.process.exitCode).toBeNull();
	expect(announced(survivor, "layer").length).toBeGreaterThan(before);
	survivor.process.kill("SIGKILL");
	await survivor.ended;
	const store = await openStore(home);
	await expectWhole(store, survivor);
	expect(await readdir(join(home, "tmp"))).toHaveLength(1);
	await store.close();
}, 60_000);
