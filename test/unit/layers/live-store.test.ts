import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
	appendFile,
	copyFile,
	mkdir,
	readdir,
	readFile,
	rename,
	rm,
	stat,
	symlink,
	truncate,
	utimes,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { createServer } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Digest, hexOf, sha256 } from "../../../src/digest.ts";
import { ZERO_RAM } from "../../../src/layers/live-store.ts";
import { openStore, type Store } from "../../../src/layers/store.ts";
import { run } from "../../../src/system/process.ts";
import { tempDir } from "../system/child.ts";
import { addBase, addLayer } from "./fixtures.ts";

const FITS = sha256("a machine");
const OTHER = sha256("another machine");
const MIB = 2 ** 20;

async function open(): Promise<{ store: Store; base: Digest; layer: Digest }> {
	const store = await openStore(await tempDir());
	const base = (await addBase(store, "debian:12")).digest;
	return { store, base, layer: (await addLayer(store, base, "booted")).key };
}

/** A state of `size` bytes in a work folder of its own. */
async function makeState(store: Store, ram: string = ZERO_RAM, size = 1000): Promise<string> {
	const folder = join((await store.workDir()).path, "state");
	await mkdir(folder);
	await writeFile(join(folder, "live.json"), JSON.stringify({ record: { ram } }));
	await writeFile(join(folder, "delta"), Buffer.alloc(size, 1));
	return folder;
}

async function addRam(store: Store, content: string | Uint8Array = "memory"): Promise<string> {
	const file = join((await store.workDir()).path, "ram");
	await writeFile(file, content);
	return store.live.ram.add(file);
}

/** A socket under this name, until the test ends. */
async function listen(path: string): Promise<void> {
	const server = createServer().listen(path);
	onTestFinished(() => void server.close());
	await once(server, "listening");
}

/** Whether a RAM file may be used. */
async function uses(store: Store, name: string): Promise<boolean> {
	const held = await store.live.ram.hold(name);
	await held?.close();
	return held !== undefined;
}

/** File systems keep times by the kernel's ticks, which are milliseconds apart: wait for one after that of `file`. */
async function nextTick(file: string): Promise<void> {
	const { mtimeMs } = await stat(file);
	const probe = join(await tempDir(), "probe");
	do await writeFile(probe, "");
	while (Math.trunc((await stat(probe)).mtimeMs) <= Math.trunc(mtimeMs));
}

/** As if made so long ago that nobody is about to use it. */
async function age(store: Store, name: string): Promise<void> {
	await store.live.ram.settled();
	store.live.ram.placed(name);
	await utimes(join(store.home, "ram", name), 1, 1);
}

describe("a live state", () => {
	test("is found in its layer's folder, for its kind of machine only", async () => {
		const { store, layer } = await open();
		expect(await store.live.find(layer, FITS)).toBeUndefined();
		expect(await store.live.commit(layer, FITS, await makeState(store))).toBe(true);
		const folder = await store.live.find(layer, FITS);
		expect(await readFile(join(folder ?? "", "live.json"), "utf8")).toContain(ZERO_RAM);
		expect(await store.live.find(layer, OTHER)).toBeUndefined();
		expect(await store.live.commit(layer, OTHER, await makeState(store))).toBe(true);
		await store.live.drop(layer, FITS);
		expect(await store.live.find(layer, FITS)).toBeUndefined();
		expect(await store.live.find(layer, OTHER)).toBeDefined();
	});

	test("replaces the one that is there", async () => {
		const { store, layer } = await open();
		await store.live.commit(layer, FITS, await makeState(store, "first"));
		await store.live.commit(layer, FITS, await makeState(store, "second"));
		expect((await store.live.list()).map(({ ram }) => ram)).toEqual(["second"]);
	});

	test("is none where its layer was built again under the same key", async () => {
		const { store, base, layer } = await open();
		await store.live.commit(layer, FITS, await makeState(store));
		const folder = join(store.home, "layers", hexOf(layer));
		await rename(join(folder, "live"), join(store.home, "restored"));
		await rm(folder, { recursive: true });
		expect((await addLayer(store, base, "booted")).key).toBe(layer);
		await rename(join(store.home, "restored"), join(folder, "live"));
		expect(await store.live.find(layer, FITS)).toBeUndefined();
		expect(await store.live.commit(layer, FITS, await makeState(store))).toBe(true);
		expect(await store.live.find(layer, FITS)).toBeDefined();
	});

	test("of another layer is none", async () => {
		const { store, base, layer } = await open();
		const other = (await addLayer(store, base, "child", layer)).key;
		const folderOf = (key: Digest): string => join(store.home, "layers", hexOf(key), "live");
		await store.live.commit(layer, FITS, await makeState(store));
		await rename(folderOf(layer), folderOf(other));
		expect(await store.live.find(other, FITS)).toBeUndefined();
	});

	test("that the system does not let us touch is none", async () => {
		const { store, layer } = await open();
		await store.live.commit(layer, FITS, await makeState(store));
		const folder = join(store.home, "layers", hexOf(layer), "live");
		await rm(folder, { recursive: true });
		await symlink("live", folder);
		expect(await store.live.find(layer, FITS)).toBeUndefined();
	});

	test("goes when two machines in a row crashed in their first step, not when one of them served", async () => {
		const { store, layer } = await open();
		await store.live.commit(layer, FITS, await makeState(store));
		await store.live.judge(layer, FITS, "crashed");
		await store.live.judge(layer, FITS, "served");
		await store.live.judge(layer, FITS, "crashed");
		expect(await store.live.find(layer, FITS)).toBeDefined();
		await store.live.judge(layer, FITS, "crashed");
		expect(await store.live.find(layer, FITS)).toBeUndefined();
		// Nothing to say of one that is gone.
		for (const outcome of ["crashed", "served"] as const) await store.live.judge(layer, FITS, outcome);
		expect(await store.live.find(layer, FITS)).toBeUndefined();
	});

	test("of a layer that is gone is no error", async () => {
		const { store } = await open();
		expect(await store.live.commit(sha256("gone"), FITS, await makeState(store))).toBe(false);
		await store.live.drop(sha256("gone"), FITS);
	});

	test("is listed with what it stands on and takes; half of one is not, and goes", async () => {
		const { store, base, layer } = await open();
		const child = await addLayer(store, base, "child", layer);
		await store.live.commit(child.key, FITS, await makeState(store, "base", 3 * MIB));
		const grave = join(store.home, "layers", hexOf(child.key), "live", `${hexOf(FITS)}-0123`);
		await mkdir(grave);
		const [state, ...more] = await store.live.list();
		expect(more).toEqual([]);
		expect(state).toMatchObject({ layer: child.key, parent: layer, fits: FITS, ram: "base" });
		expect(state?.size).toBeGreaterThan(3 * MIB);
		await expect(stat(grave)).rejects.toThrow("ENOENT");
	});

	test("is listed without its record being read, and where only that says what it stands on", async () => {
		const { store, layer } = await open();
		await store.live.commit(layer, FITS, await makeState(store, "base"));
		const folder = join(store.home, "layers", hexOf(layer), "live", hexOf(FITS));
		const record = await readFile(join(folder, "live.json"));
		await writeFile(join(folder, "live.json"), "torn");
		expect(await store.live.list()).toMatchObject([{ layer, ram: "base" }]);
		await rm(join(folder, "ram"));
		expect(await store.live.list()).toEqual([]);
		await writeFile(join(folder, "live.json"), record);
		expect(await store.live.list()).toMatchObject([{ layer, ram: "base" }]);
	});

	test("that was used last goes last", async () => {
		const { store, base, layer } = await open();
		const child = await addLayer(store, base, "child", layer);
		for (const key of [layer, child.key]) await store.live.commit(key, FITS, await makeState(store, ZERO_RAM, MIB));
		for (const state of await store.live.list())
			await utimes(join(store.home, "layers", hexOf(state.layer), "live", hexOf(FITS)), 1, 1);
		await store.live.find(layer, FITS);
		await store.live.trim(1.5 * MIB);
		expect((await store.live.list()).map((state) => state.layer)).toEqual([layer]);
		await store.live.trim(0);
		expect(await store.live.list()).toEqual([]);
	});
});

describe("a RAM file", () => {
	test("begins as zeros, and is copied as it is", async () => {
		const { store } = await open();
		const work = (await store.workDir()).path;
		expect(await store.live.ram.copy(ZERO_RAM, MIB, join(work, "zeros"))).toBe(true);
		expect((await readFile(join(work, "zeros"))).equals(Buffer.alloc(MIB))).toBe(true);
		const name = await addRam(store, "some memory");
		expect(await store.live.ram.copy(name, MIB, join(work, "copy"))).toBe(true);
		const copy = await readFile(join(work, "copy"));
		expect([copy.length, copy.toString("utf8", 0, 11)]).toEqual([MIB, "some memory"]);
		expect(await store.live.ram.copy("gone", MIB, join(work, "none"))).toBe(false);
	});

	test("stays while it is held when the store drops it, for other processes too", async () => {
		const { store } = await open();
		const name = await addRam(store);
		await store.live.ram.settled();
		const held = await store.live.ram.hold(name);
		await store.live.ram.remove(name);
		expect(await readdir(join(store.home, "ram"))).toEqual([]);
		expect((await run("cat", [held?.path ?? ""])).stdout).toBe("memory");
		expect(await store.live.ram.hold(name)).toBeUndefined();
		await held?.close();
		expect((await run("cat", [held?.path ?? ""])).status).toBe(1);
	});

	test("that is dropped while it comes to the disk leaves nothing", async () => {
		const { store } = await open();
		for (let round = 0; round < 40; round++) {
			const name = await addRam(store);
			// Somewhere on the way, another place each time.
			for (let turn = 0; turn < round; turn++) await new Promise(setImmediate);
			await store.live.ram.remove(name);
			await store.live.ram.settled();
			expect(await readdir(join(store.home, "ram"))).toEqual([]);
		}
	});

	/** Write other bytes, and set the time of modification back. */
	async function changeUnseen(file: string): Promise<void> {
		const { atime, mtime } = await stat(file);
		await writeFile(file, "MEMORY");
		await utimes(file, atime, mtime);
	}

	test.each<[string, (file: string) => Promise<unknown>]>([
		["cut short", (file) => truncate(file, 3)],
		["written to", changeUnseen],
		["replaced by another", (file) => copyFile("/etc/hostname", file)],
		["without its seal", (file) => truncate(`${file}.json`, 0)],
	])("that was %s is not used", async (_, harm) => {
		const { store } = await open();
		const name = await addRam(store);
		await store.live.ram.settled();
		await nextTick(join(store.home, "ram", name));
		await harm(join(store.home, "ram", name));
		const work = (await store.workDir()).path;
		expect(await store.live.ram.hold(name)).toBeUndefined();
		expect(await store.live.ram.copy(name, MIB, join(work, "copy"))).toBe(false);
	});

	test("that has changed places with another is not used", async () => {
		const { store } = await open();
		const [one, two] = [await addRam(store, "the one"), await addRam(store, "another")];
		await store.live.ram.settled();
		const folder = join(store.home, "ram");
		for (const suffix of ["", ".json"]) {
			await rename(join(folder, one + suffix), join(folder, "third"));
			await rename(join(folder, two + suffix), join(folder, one + suffix));
			await rename(join(folder, "third"), join(folder, two + suffix));
		}
		expect(await uses(store, one)).toBe(false);
		expect(await uses(store, two)).toBe(false);
	});

	test.each<[string, (file: string) => Promise<unknown>]>([
		["a symbolic link to itself", (file) => symlink(file, file)],
		["a folder", (file) => mkdir(file)],
		["a socket", (file) => listen(file)],
	])("of which %s has taken the place is not used", async (_, put) => {
		const { store } = await open();
		const name = await addRam(store);
		await store.live.ram.settled();
		const file = join(store.home, "ram", name);
		await rm(file);
		await put(file);
		expect(await uses(store, name)).toBe(false);
	});

	test("that was restored from a copy of the store is used", async () => {
		const { store } = await open();
		const name = await addRam(store);
		await store.live.ram.settled();
		const file = join(store.home, "ram", name);
		await copyFile(file, `${file}.copy`);
		await rename(`${file}.copy`, file);
		expect(await uses(store, name)).toBe(true);
	});

	/** The host was booted anew since the seal was written. */
	async function bootAnew(store: Store, name: string, { digest }: { readonly digest: boolean }): Promise<void> {
		await store.live.ram.settled();
		const seal = join(store.home, "ram", `${name}.json`);
		const { sha256: known, ...rest } = JSON.parse(await readFile(seal, "utf8"));
		const seen = rest.seen.replace(/^\S+/, "another-boot");
		expect(seen).not.toBe(rest.seen);
		await writeFile(seal, JSON.stringify({ ...rest, seen, ...(digest ? { sha256: known } : {}) }));
	}

	test("is read once after the host was booted anew, and used when it holds what it held", async () => {
		const { store } = await open();
		const name = await addRam(store);
		await bootAnew(store, name, { digest: true });
		expect(await uses(store, name)).toBe(true);
		const seal = await readFile(join(store.home, "ram", `${name}.json`), "utf8");
		expect(seal).not.toContain("another-boot");
		await bootAnew(store, name, { digest: false });
		expect(await uses(store, name)).toBe(false);
	});

	test.each([
		["the first byte", 0],
		["a byte of a hole", 5 * MIB + 7],
		["the last byte", 9 * MIB + 99],
	])("of which %s did not come to the disk before the host went down is not used", async (_, at) => {
		const { store } = await open();
		const content = Buffer.alloc(9 * MIB + 100);
		for (const piece of [0, 3, 8]) content.fill("page", piece * MIB, piece * MIB + 4096);
		content[content.length - 1] = 1;
		const name = await addRam(store, content);
		await bootAnew(store, name, { digest: true });
		expect(await uses(store, name)).toBe(true);
		await bootAnew(store, name, { digest: true });
		const file = join(store.home, "ram", name);
		const { atime, mtime } = await stat(file);
		content.writeUInt8(content.readUInt8(at) ^ 1, at);
		await writeFile(file, content);
		await utimes(file, atime, mtime);
		expect(await uses(store, name)).toBe(false);
	});

	test("whose maker had no time to read it is read by its next user", async () => {
		const { store } = await open();
		const name = await addRam(store);
		await store.live.ram.settled();
		const seal = join(store.home, "ram", `${name}.json`);
		const { sha256: known, ...rest } = JSON.parse(await readFile(seal, "utf8"));
		await writeFile(seal, JSON.stringify(rest));
		expect(await uses(store, name)).toBe(true);
		await store.live.ram.settled();
		expect(JSON.parse(await readFile(seal, "utf8"))).toEqual({ ...rest, sha256: known });
	});

	/** 5 MiB of which two pieces hold something, and a bit more. */
	function sparse(): Buffer {
		const content = Buffer.alloc(5 * MIB + 1234);
		for (const at of [MIB + 17, content.length - 3]) content.fill("some memory", at);
		content.set(randomBytes(MIB), 3 * MIB - 500_000);
		return content;
	}

	async function packed(content = sparse()) {
		const { store } = await open();
		const name = await addRam(store, content);
		await store.live.ram.settled();
		const before = store.live.ram.list();
		expect(await store.live.ram.pack(name, new AbortController().signal)).toBe(true);
		return { store, name, content, before, file: join(store.home, "ram", name) };
	}

	test("takes less room when it is packed, and is what it was when it is used", async () => {
		const { store, name, content, before, file } = await packed();
		expect((await readdir(join(store.home, "ram"))).sort()).toEqual([`${name}.gz`, `${name}.json`]);
		expect((await stat(`${file}.gz`)).mode & 0o777).toBe(0o600);
		const [now] = store.live.ram.list();
		expect(now).toMatchObject({ name, packed: true });
		expect(now?.size).toBeLessThan(1.2 * MIB);
		expect(before[0]?.size).toBeGreaterThan(2 * MIB);
		const held = await store.live.ram.hold(name);
		expect((await readFile(held?.path ?? "")).equals(content)).toBe(true);
		await held?.close();
		expect((await readdir(join(store.home, "ram"))).sort()).toEqual([name, `${name}.json`]);
		expect(store.live.ram.list()).toMatchObject([{ name, packed: false }]);
	});

	test("is packed as it is by two at once, and taken out by two at once", async () => {
		const { store, name, content, file } = await packed();
		const other = await openStore(store.home);
		for (const held of await Promise.all([store, other].map(({ live }) => live.ram.hold(name)))) {
			expect((await readFile(held?.path ?? "")).equals(content)).toBe(true);
			await held?.close();
		}
		const { signal } = new AbortController();
		const both = await Promise.allSettled([store, other].map(({ live }) => live.ram.pack(name, signal)));
		expect(both.map((one) => (one.status === "fulfilled" ? one.value : "gone"))).toContain(true);
		expect(await uses(store, name)).toBe(true);
		expect((await readFile(file)).equals(content)).toBe(true);
	});

	test("goes with its packed form too", async () => {
		const { store, name } = await packed();
		await store.live.ram.remove(name);
		expect(await readdir(join(store.home, "ram"))).toEqual([]);
	});

	test.each<[string, (file: string) => Promise<unknown>]>([
		["cut short", (file) => truncate(file, 500_000)],
		["empty", (file) => truncate(file, 0)],
		["another's", (file) => writeFile(file, gzipSync(Buffer.alloc(100)))],
		["gone", (file) => rm(file)],
	])("of which the packed form is %s is not used, and nothing is left of the attempt", async (_, harm) => {
		const { store, name, file } = await packed();
		await harm(`${file}.gz`);
		expect(await uses(store, name)).toBe(false);
		expect(await readdir(join(store.home, "ram"))).not.toContain(name);
	});

	test("that is not what was made goes instead of being packed; one that the build's end interrupts stays", async () => {
		const { store } = await open();
		const name = await addRam(store, sparse());
		await store.live.ram.settled();
		const file = join(store.home, "ram", name);
		await expect(store.live.ram.pack(name, AbortSignal.abort())).rejects.toThrow();
		expect(await uses(store, name)).toBe(true);
		await appendFile(file, "x");
		expect(await store.live.ram.pack(name, new AbortController().signal)).toBe(false);
		expect(await readdir(join(store.home, "ram"))).toEqual([]);
	});

	test("is packed when none of its states was used for days", async () => {
		const { store, base, layer } = await open();
		const [cold, used] = [await addRam(store, sparse()), await addRam(store)];
		const child = await addLayer(store, base, "child", layer);
		await store.live.commit(layer, FITS, await makeState(store, cold));
		await store.live.commit(child.key, FITS, await makeState(store, used));
		await utimes(join(store.home, "layers", hexOf(layer), "live", hexOf(FITS)), 1, 1);
		await store.live.packCold(new AbortController().signal);
		expect(store.live.ram.list().map(({ name, packed: is }) => [name, is])).toEqual(
			expect.arrayContaining([
				[cold, true],
				[used, false],
			]),
		);
	});

	test("goes when nothing stands on it any more, but not while it may be about to be used", async () => {
		const { store, layer } = await open();
		const [used, young, old] = [await addRam(store), await addRam(store), await addRam(store)];
		await store.live.ram.settled();
		await store.live.commit(layer, FITS, await makeState(store, used));
		for (const name of [used, old]) store.live.ram.placed(name);
		const names = (): string[] => store.live.ram.list().map(({ name }) => name);
		// Another process does not know what is about to happen.
		await (await openStore(store.home)).live.trim(MIB);
		expect(names().sort()).toEqual([used, young, old].sort());
		await store.live.trim(MIB);
		expect(names().sort()).toEqual([used, young].sort());
		await store.live.trim(0);
		expect(names()).toEqual([young]);
		await utimes(join(store.home, "ram", young), 1, 1);
		await (await openStore(store.home)).live.trim(MIB);
		expect(names()).toEqual([]);
	});
});

describe("usage and prune", () => {
	async function filled() {
		const { store, base, layer } = await open();
		const child = await addLayer(store, base, "child", layer);
		const ram = await addRam(store, "x".repeat(MIB));
		for (const key of [layer, child.key]) await store.live.commit(key, FITS, await makeState(store, ram, MIB));
		await age(store, ram);
		// Another process's view: nothing is in use.
		await store.close();
		return { store, layer, child: child.key, ram };
	}

	test("states are counted apart from layers, with the memory they stand on", async () => {
		const { store } = await filled();
		const { live, layers } = await store.usage();
		expect(live.count).toBe(2);
		expect(live.bytes).toBeGreaterThan(3 * MIB);
		expect(layers.bytes).toBeLessThan(2 * MIB);
	});

	test("states go with their layers, and then the memory they stood on", async () => {
		const { store, ram } = await filled();
		const dry = await store.prune({ dryRun: true });
		const { removed, freed } = await store.prune({});
		expect(removed.map(({ kind }) => kind)).toEqual(["layers", "layers", "memory"]);
		expect(removed.at(-1)?.id).toBe(`ram/${ram}`);
		expect(dry.removed).toEqual(removed);
		expect(freed).toBeGreaterThan(3 * MIB);
		expect(await readdir(join(store.home, "ram"))).toEqual([]);
	});

	test("all states go before any layer when space is wanted, and none for being there", async () => {
		const { store } = await filled();
		const young = { olderThan: 3_600_000 };
		expect((await store.prune(young)).removed).toEqual([]);
		const { removed } = await store.prune({ keepBytes: 2 * MIB });
		expect(removed.map(({ kind }) => kind)).toEqual(["live", "live", "memory"]);
		expect((await store.layers.list()).length).toBe(2);
	});

	test("a machine that holds the memory does not keep it in the store", async () => {
		const { store, ram } = await filled();
		const held = await store.live.ram.hold(ram);
		await store.prune({ all: true });
		await held?.close();
		expect(await store.live.list()).toEqual([]);
		expect(await readdir(join(store.home, "ram"))).toEqual([]);
	});
});
