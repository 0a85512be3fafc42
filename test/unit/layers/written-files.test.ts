import { rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/digest.ts";
import { openStore } from "../../../src/layers/store.ts";
import { tempDir } from "../system/child.ts";
import { addBase, addImage, addPlainLayer } from "./fixtures.ts";

async function file(folder: string, name: string, content: string) {
	const path = join(folder, name);
	await writeFile(path, content);
	return { path, sha256: sha256(content).slice("sha256:".length) };
}

test("files that builds wrote of an image are known as long as they are what was written", async () => {
	const folder = await tempDir();
	const home = join(folder, "store");
	await using store = await openStore(home);
	const base = await addBase(store, "debian:12");
	const image = await addImage(store, await addPlainLayer(store, base.digest, "a"), "one", ["web"]);
	expect(await store.images.written(image)).toEqual([]);

	const raw = await file(folder, "web.raw", "raw");
	const qcow2 = await file(folder, "web.qcow2", "qcow2");
	const undigested = { ...(await file(folder, "web.vhd", "vhd")), sha256: "" };
	for (const one of [qcow2, undigested, raw]) await store.images.wrote(image, one);
	const entry = ({ path }: { path: string }, content: string) => ({
		path,
		size: content.length,
		checksum: sha256(content),
	});
	expect(await store.images.written(image)).toEqual([entry(qcow2, "qcow2"), entry(raw, "raw")]);

	// Written again: the newest is the last.
	await store.images.wrote(image, qcow2);
	expect(await store.images.written(image)).toEqual([entry(raw, "raw"), entry(qcow2, "qcow2")]);

	// Another file of the same size, and one that is gone.
	const { mtimeMs } = await stat(raw.path);
	await writeFile(raw.path, "war");
	await utimes(raw.path, new Date(), new Date(mtimeMs + 5000));
	await rm(qcow2.path);
	expect(await store.images.written(image)).toEqual([]);

	// What lies there instead of the record is no reason to fail.
	await writeFile(join(dirname(image.disk), "written.json"), "[{");
	expect(await store.images.written(image)).toEqual([]);
	await store.images.wrote(image, raw);
	expect(await store.images.written(image)).toEqual([entry(raw, "raw")]);
});

test("an image that is gone keeps nothing, and so does one that is made anew", async () => {
	const folder = await tempDir();
	await using store = await openStore(join(folder, "store"));
	const base = await addBase(store, "debian:12");
	const layer = await addPlainLayer(store, base.digest, "a");
	const image = await addImage(store, layer, "one", ["web"]);
	const raw = await file(folder, "web.raw", "raw");
	await store.images.wrote(image, raw);
	expect(await store.images.written(image)).toHaveLength(1);
	await store.images.remove("web");
	await store.images.wrote(image, raw);
	expect(await store.images.written(image)).toEqual([]);
	const anew = await addImage(store, layer, "one", ["web"]);
	expect(anew.disk).toBe(image.disk);
	expect(await store.images.written(anew)).toEqual([]);
});
