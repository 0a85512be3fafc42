import { chmod, mkdir, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/digest.ts";
import { openStore } from "../../../src/layers/store.ts";
import { currentOwner } from "../../../src/system/owner.ts";
import { tempDir } from "../system/child.ts";
import { addBase, addImage, addLayer, addPlainLayer, baseRecord, holds, imageRecord, layerRecord } from "./fixtures.ts";

test("a new store is private, versioned and empty", async () => {
	const home = join(await tempDir(), "a", "store");
	await using store = await openStore(home);
	expect((await stat(home)).mode & 0o777).toBe(0o700);
	expect(await readFile(join(home, "version"), "utf8")).toBe("1\n");
	expect(await store.layers.list()).toEqual([]);
	expect(await store.layers.find(sha256("x"))).toBeUndefined();
	expect(await store.usage()).toMatchObject({ layers: { count: 0, bytes: 0 }, reclaimable: 0 });
});

test("a store of a newer version is refused, with what to do", async () => {
	const home = await tempDir();
	await openStore(home);
	await writeFile(join(home, "version"), "2\n");
	await expect(openStore(home)).rejects.toMatchObject({
		code: "STORE_INVALID",
		message: expect.stringContaining('expected version 1, got "2"'),
		hint: expect.stringContaining("update nodebuild"),
	});
	await writeFile(join(home, "version"), "");
	await expect(openStore(home)).rejects.toMatchObject({ hint: expect.stringContaining("damaged") });
});

test.each([
	["below a file", (folder: string) => join(folder, "file", "store")],
	["below /proc, where mkdir says ENOENT of a folder whose parent is there", () => "/proc/nodebuild/deep/store"],
	["with a name that is too long", (folder: string) => join(folder, "x".repeat(300))],
	["below a symlink to itself", (folder: string) => join(folder, "loop", "store")],
])("a place that cannot hold a store is named: %s", async (_what, place) => {
	const folder = await tempDir();
	await writeFile(join(folder, "file"), "");
	await symlink("loop", join(folder, "loop"));
	await expect(openStore(place(folder))).rejects.toMatchObject({
		code: "STORE_INVALID",
		hint: expect.stringContaining("NODEBUILD_HOME"),
	});
});

test("a folder with somebody else's files does not become a store", async () => {
	const home = await tempDir();
	await writeFile(join(home, "letter.txt"), "dear");
	for (const look of [false, true])
		await expect(openStore(home, { look })).rejects.toMatchObject({
			code: "STORE_INVALID",
			message: expect.stringContaining("letter.txt"),
			hint: expect.stringContaining("NODEBUILD_HOME"),
		});
	expect(await readdir(home)).toEqual(["letter.txt"]);
});

test("what a killed maker left becomes a store, on a disk of its own too", async () => {
	const home = await tempDir();
	for (const name of ["bases", "locks", "lost+found"]) await mkdir(join(home, name));
	await using store = await openStore(home);
	expect(await store.images.list()).toEqual([]);
});

test("a store whose empty folders were lost is made whole again", async () => {
	const home = await tempDir();
	await openStore(home);
	await Promise.all(["tmp", "locks", "images"].map((name) => rm(join(home, name), { recursive: true })));
	await using store = await openStore(home);
	await using work = await store.workDir();
	expect((await stat(work.path)).isDirectory()).toBe(true);
	expect(await store.images.list()).toEqual([]);
});

test("a look at a store writes nothing: none, empty, full", async () => {
	const home = join(await tempDir(), "store");
	const look = async (): Promise<void> => {
		await using store = await openStore(home, { look: true });
		expect(await store.images.list()).toEqual([]);
		expect(await store.bases.list()).toHaveLength((await readdir(home).catch(() => [])).length === 0 ? 0 : 1);
		expect(await store.prune({ all: true, dryRun: true })).toMatchObject({ dryRun: true });
		await expect(store.images.look("web")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
	};
	await look();
	await expect(stat(home)).rejects.toMatchObject({ code: "ENOENT" });
	await mkdir(home);
	await look();
	expect(await readdir(home)).toEqual([]);
	await openStore(home).then(async (store) => {
		await addBase(store, "debian:12");
		await store.close();
	});
	// Nothing can be locked here.
	await rm(join(home, "locks"), { recursive: true });
	await writeFile(join(home, "locks"), "");
	const before = await readdir(home, { recursive: true });
	await look();
	expect(await readdir(home, { recursive: true })).toEqual(before);
});

test("layers are found by key, their disks read through the chain and cannot be written", async () => {
	const home = await tempDir();
	const store = await openStore(home);
	const base = await addBase(store, "debian:12");
	const first = await addLayer(store, base.digest, "RUN one");
	const second = await addLayer(store, base.digest, "RUN two", first.key, 7);
	await using again = await openStore(home);
	const found = await again.layers.find(second.key);
	expect(found).toMatchObject({ title: "RUN two", parent: first.key, disk: second.disk, size: second.size });
	expect(second.size).toBe((await stat(second.disk)).blocks * 512);
	expect(await holds(second.disk, 7, "2M", "64k")).toBe(true);
	expect(await holds(second.disk, 1, "0", "1M")).toBe(true);
	expect((await stat(second.disk)).mode & 0o222).toBe(0);
	expect((await again.layers.list()).map(({ title }) => title).sort()).toEqual(["RUN one", "RUN two"]);
	expect((await again.bases.findRef("debian:12"))?.digest).toBe(base.digest);
	expect(await again.bases.findRef("debian:12", "aarch64")).toBeUndefined();
});

test("the first commit of a key stays, and the other is told so", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	const [one, two] = await Promise.all([1, 2].map((byte) => addLayer(store, base.digest, "RUN x", undefined, byte)));
	const stored = [one, two].map((layer) => layer !== undefined && "stored" in layer && layer.stored);
	expect(stored.sort()).toEqual([false, true]);
	const layer = await store.layers.find(sha256("RUN x"));
	const byte = one !== undefined && "stored" in one && one.stored === true ? 1 : 2;
	expect(await holds(layer?.disk ?? "", byte, "2M", "64k")).toBe(true);
	expect(await readdir(join(store.home, "tmp"))).toHaveLength(1);
});

test("a layer whose parent or base is gone, or was built again, is absent", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	const first = await addPlainLayer(store, base.digest, "one");
	const second = await addPlainLayer(store, base.digest, "two", first.key);
	const third = await addPlainLayer(store, base.digest, "three", second.key);
	await store.close();
	await rm(dirname(second.disk), { recursive: true });
	expect(await store.layers.find(third.key)).toBeUndefined();
	await expect(addPlainLayer(store, base.digest, "four", third.key)).rejects.toMatchObject({ code: "STORE_INVALID" });
	// Another disk under the same key: what was written over the old one is wrong over this one.
	await addPlainLayer(store, base.digest, "two", first.key);
	await store.close();
	expect(await store.layers.find(third.key)).toBeUndefined();
	expect(await store.problems()).toEqual([
		expect.objectContaining({ id: `layers/${third.key.slice(7)}`, reason: "what it stands on was replaced" }),
	]);
	// The unusable one makes room for a new one.
	expect(await addPlainLayer(store, base.digest, "three", second.key)).toMatchObject({ stored: true });
	await store.close();
	await rm(join(store.home, "bases", base.digest.slice(7)), { recursive: true });
	expect(await store.layers.find(first.key)).toBeUndefined();
});

test("a damaged record counts as absent, is reported, and goes with the next prune", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	const layers = await Promise.all(["a", "b", "c"].map((title) => addPlainLayer(store, base.digest, title)));
	const image = await addImage(store, await addPlainLayer(store, base.digest, "d"), "web", ["web"]);
	const damages = ["", '{"version":1}', JSON.stringify({ ...layers[0], key: sha256("other") })];
	for (const [index, text] of damages.entries()) {
		const layer = layers[index];
		if (layer === undefined) continue;
		await writeFile(join(dirname(layer.disk), "layer.json"), text);
		expect(await store.layers.find(layer.key)).toBeUndefined();
	}
	await rm(image.disk, { force: true });
	expect(await store.images.list()).toEqual([]);
	expect(await store.images.find("web")).toBeUndefined();
	expect(await store.problems()).toHaveLength(4);
	expect((await store.usage()).damaged.count).toBe(4);
	const closed = await openStore(store.home);
	await store.close();
	const { removed } = await closed.prune({});
	expect(removed.filter(({ kind }) => kind === "damaged")).toHaveLength(4);
	expect(await closed.problems()).toEqual([]);
	expect(await readdir(join(store.home, "tags"))).toEqual([]);
});

test("opening removes what dead processes left, and nothing of the living", async () => {
	const home = await tempDir();
	const store = await openStore(home);
	await using work = await store.workDir();
	expect((await stat(work.path)).mode & 0o777).toBe(0o700);
	const { boot, namespace } = currentOwner();
	const dead = join(home, "tmp", `${process.pid}.1.${boot}.${namespace}-00112233`);
	await mkdir(dead);
	await writeFile(join(dead, "disk.qcow2"), "half a disk");
	await writeFile(join(home, "locks", "dead"), JSON.stringify({ ...currentOwner(), start: "1", nonce: "n" }));
	await using _lock = await store.lock("step");
	await using _again = await openStore(home);
	expect(await readdir(join(home, "tmp"))).toEqual([work.path.split("/").at(-1)]);
	expect(await readdir(join(home, "locks"))).toHaveLength(1);
	await work.release();
	expect(await readdir(join(home, "tmp"))).toEqual([]);
});

test("prune says what dead processes left, and removes it", async () => {
	const home = await tempDir();
	await (await openStore(home)).close();
	const { boot, namespace } = currentOwner();
	const name = `${process.pid}.1.${boot}.${namespace}-00112233`;
	await mkdir(join(home, "tmp", name));
	await writeFile(join(home, "tmp", name, "disk.qcow2"), Buffer.alloc(1 << 20, 1));
	const left = [expect.objectContaining({ kind: "leftover", id: `tmp/${name}` })];
	await using looking = await openStore(home, { look: true });
	const would = await looking.prune({ dryRun: true });
	expect(would.removed).toEqual(left);
	expect(would.freed).toBeGreaterThanOrEqual(1 << 20);
	expect(await readdir(join(home, "tmp"))).toEqual([name]);
	await using store = await openStore(home, { keepLeftovers: true });
	expect(await store.prune({})).toEqual({ ...would, dryRun: false });
	expect(await readdir(join(home, "tmp"))).toEqual([]);
});

test("a disk whose file has lost its end counts as absent, with all that stands on it", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	const layer = await addLayer(store, base.digest, "RUN one");
	const image = await addImage(store, layer, "one", ["web"]);
	const shorten = async (disk: string) => {
		await chmod(disk, 0o600);
		await truncate(disk, (await stat(disk)).size - 4096);
	};
	await shorten(image.disk);
	expect(await store.images.find("web")).toBeUndefined();
	expect((await store.layers.find(layer.key))?.key).toBe(layer.key);
	await shorten((await store.bases.find(base.digest))?.disk ?? "");
	await using other = await openStore(store.home);
	expect(await other.bases.find(base.digest)).toBeUndefined();
	expect(await other.layers.find(layer.key)).toBeUndefined();
});

test("images: by key, name, tag and id; a tag moves; unknown names suggest", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	const layer = await addLayer(store, base.digest, "RUN one");
	const image = await addImage(store, layer, "one", ["web", "team/web:1.0"]);
	expect(image.tags).toEqual(["team/web:1.0", "web:latest"]);
	expect(await store.images.findByKey(image.key)).toEqual(image);
	expect(await store.images.find("web")).toEqual(image);
	expect(await store.images.find("team/web:1.0")).toEqual(image);
	expect(await store.images.find(image.id.slice(0, 19))).toEqual(image);
	expect(await store.images.find(image.id.slice(7, 19))).toEqual(image);
	expect(await store.images.find(image.id.slice(7, 8))).toEqual(image);
	expect(await store.images.findNamed(image.id.slice(7, 19))).toBeUndefined();
	expect(await store.images.findNamed("team/web:1.0")).toEqual(image);
	expect(await holds(image.disk, 3, "3M", "64k")).toBe(true);
	const other = await addImage(store, layer, "two", ["web"]);
	expect((await store.images.find("web"))?.id).toBe(other.id);
	expect((await store.images.findByKey(image.key))?.tags).toEqual(["team/web:1.0"]);
	await store.images.tag(image.id, "web:old");
	expect((await store.images.get("web:old")).id).toBe(image.id);
	await expect(store.images.get("wbe")).rejects.toMatchObject({
		code: "IMAGE_NOT_FOUND",
		hint: expect.stringContaining("did you mean web"),
	});
	await expect(store.images.tag(sha256("no"), "x")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
	await expect(store.images.tag(image.id, "No Name")).rejects.toMatchObject({ code: "USAGE" });
	// The same key again: the image stays and gets the new name too.
	const same = await addImage(store, layer, "one", ["again"]);
	expect(same).toMatchObject({ id: image.id, tags: ["again:latest", "team/web:1.0", "web:old"] });
	expect(await store.images.list()).toHaveLength(2);
});

test("a malformed tag or a missing layer is found before anything is written", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	const layer = await addPlainLayer(store, base.digest, "one");
	await expect(store.images.add(imageRecord(layer, "x"), "/absent", ["Bad Name"])).rejects.toMatchObject({
		code: "USAGE",
	});
	const gone = { ...layer, key: sha256("gone") };
	await expect(store.images.add(imageRecord(gone, "x"), "/absent", [])).rejects.toMatchObject({
		code: "STORE_INVALID",
	});
	expect(await store.images.list()).toEqual([]);
});

test("remove: a name, then the image with its last name; its layers stay", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	const layer = await addPlainLayer(store, base.digest, "one");
	const image = await addImage(store, layer, "one", ["web", "web:1"]);
	await expect(store.images.remove(image.id)).rejects.toMatchObject({ code: "IMAGE_IN_USE" });
	expect(await store.images.remove("web")).toEqual({ untagged: ["web:latest"], freed: 0 });
	await expect(store.images.remove("web")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
	const removed = await store.images.remove(image.id.slice(7, 20));
	expect(removed).toMatchObject({ untagged: ["web:1"], deleted: image.id });
	expect(removed.freed).toBeGreaterThan(0);
	expect(await store.images.list()).toEqual([]);
	expect(await store.layers.find(layer.key)).toBeDefined();
	const both = await addImage(store, layer, "one", ["a", "b"]);
	expect((await store.images.remove(both.id, { force: true })).untagged).toEqual(["a:latest", "b:latest"]);
});

test("an image that another process uses, or that layers stand on, is not removed", async () => {
	const home = await tempDir();
	const user = await openStore(home);
	const base = await addBase(user, "debian:12");
	const image = await addImage(user, await addPlainLayer(user, base.digest, "one"), "one", ["web"]);
	await using store = await openStore(home);
	await expect(store.images.remove("web")).rejects.toMatchObject({ code: "IMAGE_IN_USE" });
	const child = await addPlainLayer(store, image.key, "FROM web");
	expect(await store.layers.find(child.key)).toBeDefined();
	await user.close();
	await expect(store.images.remove("web", { force: true })).rejects.toMatchObject({
		code: "IMAGE_IN_USE",
		message: expect.stringContaining("is the base of other layers"),
	});
	await store.close();
	expect(await store.prune({ all: true })).toMatchObject({ removed: [{ kind: "layers", title: "FROM web" }] });
	expect((await store.images.remove("web")).deleted).toBe(image.id);
});

test("prune: keeps what images and running builds use, tells what it frees, and frees it", async () => {
	const home = await tempDir();
	const store = await openStore(home);
	const base = await addBase(store, "debian:12");
	const kept = await addPlainLayer(store, base.digest, "kept");
	const old = await addPlainLayer(store, base.digest, "old", kept.key);
	const used = await addPlainLayer(store, base.digest, "used", kept.key);
	await addImage(store, kept, "web", []);
	await store.close();
	await using running = await openStore(home);
	await running.layers.find(used.key);
	await using pruner = await openStore(home);
	const planned = await pruner.prune({ dryRun: true });
	expect(planned).toMatchObject({ dryRun: true, removed: [{ kind: "layers", title: "old" }] });
	expect(await pruner.layers.list()).toHaveLength(3);
	const before = (await pruner.usage()).total;
	const done = await pruner.prune({});
	expect(done).toEqual({ ...planned, dryRun: false });
	expect(before - (await pruner.usage()).total).toBe(done.freed);
	expect(await pruner.layers.find(old.key)).toBeUndefined();
	expect(await pruner.layers.find(used.key)).toBeDefined();
	await running.close();
	await pruner.close();
	const all = await pruner.prune({ all: true });
	expect(all.removed.map(({ title }) => title).sort()).toEqual(["<none>", "debian:12", "kept", "used"]);
	expect(await pruner.usage()).toMatchObject({ bases: { count: 0 }, layers: { count: 0 }, images: { count: 0 } });
});

test("what is found counts as used now, for olderThan and keepBytes", async () => {
	const home = await tempDir();
	const store = await openStore(home);
	const base = await addBase(store, "debian:12");
	const layers = await Promise.all(["a", "b"].map((title) => addPlainLayer(store, base.digest, title)));
	const yesterday = new Date(Date.now() - 24 * 3600 * 1000);
	for (const { disk } of layers) await utimes(join(dirname(disk), "layer.json"), yesterday, yesterday);
	await store.layers.find(sha256("b"));
	await store.close();
	const usage = await store.usage();
	const total = usage.bases.bytes + usage.layers.bytes;
	expect((await store.prune({ keepBytes: total - 1, dryRun: true })).removed).toMatchObject([{ title: "a" }]);
	expect((await store.prune({ olderThan: 3600 * 1000 })).removed).toMatchObject([{ title: "a" }]);
});

test("downloads: stale ones go with all, fresh ones stay to be resumed", async () => {
	const store = await openStore(await tempDir());
	await writeFile(join(store.downloadsDir, "stale.part"), "x");
	await writeFile(join(store.downloadsDir, "fresh.part"), "x");
	const past = new Date(Date.now() - 48 * 3600 * 1000);
	await utimes(join(store.downloadsDir, "stale.part"), past, past);
	expect((await store.prune({})).removed).toEqual([]);
	expect((await store.prune({ all: true })).removed).toMatchObject([{ kind: "download", title: "stale.part" }]);
	expect(await readdir(store.downloadsDir)).toEqual(["fresh.part"]);
});

test("an added base is verified by its digest's name only once: the one that is there stays", async () => {
	const store = await openStore(await tempDir());
	const first = await addBase(store, "debian:12");
	const second = await addBase(store, "debian:12", { verified: "unverified" });
	expect(second).toEqual(first);
	await addBase(store, "debian:12", { digest: sha256("newer"), created: "2026-05-05T00:00:00.000Z" });
	expect((await store.bases.findRef("debian:12"))?.digest).toBe(sha256("newer"));
	expect(await store.bases.list()).toHaveLength(2);
	expect(await store.bases.find(baseRecord("none").digest)).toBeUndefined();
});

test("a lock of the store excludes; another name does not wait", async () => {
	const store = await openStore(await tempDir());
	const order: string[] = [];
	const first = await store.lock("step/sha256:x");
	await (await store.lock("step/sha256:y")).release();
	let second: Promise<void> | undefined;
	await new Promise<void>((resolve) => {
		second = store.lock("step/sha256:x", { onWait: () => resolve() }).then((lock) => {
			order.push("has it");
			return lock.release();
		});
	});
	order.push("release");
	await first.release();
	await second;
	expect(order).toEqual(["release", "has it"]);
});

test("a frozen disk that cannot be moved leaves the store as it was", async () => {
	const store = await openStore(await tempDir());
	const base = await addBase(store, "debian:12");
	await store.close();
	await expect(store.layers.commit(layerRecord(base.digest, "x"), "/absent/disk")).rejects.toThrow("ENOENT");
	expect(await readdir(join(store.home, "tmp"))).toEqual([]);
	expect(await store.layers.list()).toEqual([]);
});

test("a base is found by its further references, which go with it", async () => {
	const home = await tempDir();
	const store = await openStore(home);
	const base = await addBase(store, "https://a.example/disk");
	const { architecture, created } = base;
	const other = { ref: "https://b.example/disk", source: "b", verified: "sha256", architecture, created };
	expect(await store.bases.also(sha256("none"), other)).toBeUndefined();
	expect(await store.bases.also(base.digest, other)).toMatchObject({ ...other, digest: base.digest });
	expect(await store.bases.findRef(other.ref, architecture)).toMatchObject({ ...other, digest: base.digest });
	expect((await store.bases.findRef(base.ref, architecture))?.ref).toBe(base.ref);
	await store.close();
	await using again = await openStore(home);
	await again.prune({ all: true });
	expect(await readdir(join(home, "refs"))).toEqual([]);
	expect(await again.bases.findRef(other.ref, architecture)).toBeUndefined();
});
