import { appendFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/digest.ts";
import { openStore } from "../../../src/layers/store.ts";
import { tempDir } from "../system/child.ts";

const request = (title: string, alone = false) => ({ identity: sha256(title), title, alone });

test("a cache is a disk that the next one finds again; whoever shares it waits", async () => {
	await using store = await openStore(join(await tempDir(), "store"));
	const first = await store.caches.open(request("/var/cache/apt"));
	expect(first.fresh).toBe(true);
	expect((await stat(first.file)).mode & 0o777).toBe(0o600);
	await appendFile(first.file, "data");
	const waited: number[] = [];
	const second = store.caches.open(request("/var/cache/apt"), { onWait: ({ pid }) => waited.push(pid) });
	const other = await store.caches.open(request("/other"));
	await expect.poll(() => waited).toEqual([process.pid]);
	await first.release();
	expect(await second).toMatchObject({ file: first.file, fresh: false });
	expect(other.file).not.toBe(first.file);
	await expect(store.caches.open(request("/other"), { signal: AbortSignal.abort() })).rejects.toMatchObject({
		code: "INTERRUPTED",
	});
});

test("a private cache that is in use is not waited for", async () => {
	await using store = await openStore(join(await tempDir(), "store"));
	const one = await store.caches.open(request("c", true));
	const two = await store.caches.open(request("c", true));
	expect(two.file).not.toBe(one.file);
	await one.release();
	expect((await store.caches.open(request("c", true))).file).toBe(one.file);
});

test("prune takes caches only when asked to, and never one in use", async () => {
	const home = join(await tempDir(), "store");
	await using store = await openStore(home);
	await (await store.caches.open(request("idle"))).release();
	const used = await store.caches.open(request("used"));
	expect((await store.usage()).caches.count).toBe(2);
	expect((await store.prune({})).removed).toEqual([]);
	expect((await store.prune({ only: "caches", olderThan: 60_000 })).removed).toEqual([]);
	const dry = await store.prune({ all: true, dryRun: true });
	expect(dry.removed).toMatchObject([{ kind: "caches", title: "idle" }]);
	expect((await store.prune({ only: "caches" })).removed).toMatchObject([{ kind: "caches", title: "idle" }]);
	expect(await readdir(join(home, "caches"))).toHaveLength(1);
	await used.release();
	expect((await store.prune({ all: true })).removed).toMatchObject([{ title: "used" }]);
	expect(await readdir(join(home, "caches"))).toEqual([]);
});
