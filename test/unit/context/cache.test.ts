import { existsSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openContext } from "../../../src/context/index.ts";
import { sha256 } from "../../../src/digest.ts";
import { directoryOf, query, temporaryDirectory } from "./workspace.ts";

/** Longer than the clock that stamps files ticks. */
const TICK = 30;

async function digestOfFile(root: string, cacheFile: string, path = "f"): Promise<string | undefined> {
	const context = await openContext({ root, cacheFile });
	const copy = await context.resolve(query(path));
	await context.save();
	return copy.sources[0]?.entries[0]?.digest;
}

/** Replace the digests in a cache, so that believing it shows. */
function forge(cacheFile: string): string {
	const forged = sha256("forged");
	const text = readFileSync(cacheFile, "utf8").replaceAll(/[0-9a-f]{64}/g, forged.slice("sha256:".length));
	writeFileSync(cacheFile, text);
	return forged;
}

describe("the stat cache", () => {
	it("answers for files that did not change, without reading them", async () => {
		const root = directoryOf({ f: "one" });
		const cacheFile = join(temporaryDirectory(), "new", "cache");
		await sleep(TICK);
		expect(await digestOfFile(root, cacheFile)).toBe(sha256("one"));
		const forged = forge(cacheFile);
		expect(await digestOfFile(root, cacheFile)).toBe(forged);
	});

	it("is not rewritten when nothing changed, and leaves no other files", async () => {
		const root = directoryOf({ f: "one" });
		const cacheFile = join(temporaryDirectory(), "cache");
		await sleep(TICK);
		await digestOfFile(root, cacheFile);
		const before = statSync(cacheFile, { bigint: true });
		await digestOfFile(root, cacheFile);
		expect(statSync(cacheFile, { bigint: true }).mtimeNs).toBe(before.mtimeNs);
		expect(statSync(cacheFile, { bigint: true }).ino).toBe(before.ino);
		expect(readdirSync(dirname(cacheFile))).toEqual(["cache"]);
	});

	it("sees a change that keeps size and modification time", async () => {
		const root = directoryOf({ f: "one" });
		const cacheFile = join(temporaryDirectory(), "cache");
		await sleep(TICK);
		await digestOfFile(root, cacheFile);
		const { atime, mtime } = statSync(join(root, "f"));
		await sleep(TICK);
		writeFileSync(join(root, "f"), "two");
		utimesSync(join(root, "f"), atime, mtime);
		expect(await digestOfFile(root, cacheFile)).toBe(sha256("two"));
	});

	it("sees a file replaced by another", async () => {
		const root = directoryOf({ f: "one", g: "two" });
		const cacheFile = join(temporaryDirectory(), "cache");
		await sleep(TICK);
		await digestOfFile(root, cacheFile);
		renameSync(join(root, "g"), join(root, "f"));
		expect(await digestOfFile(root, cacheFile)).toBe(sha256("two"));
	});

	it("does not believe an entry as young as the cache itself", async () => {
		const root = directoryOf({ f: "one" });
		const cacheFile = join(temporaryDirectory(), "cache");
		const context = await openContext({ root, cacheFile });
		writeFileSync(join(root, "f"), "two");
		await context.resolve(query("f"));
		await context.save();
		forge(cacheFile);
		await sleep(TICK);
		expect(await digestOfFile(root, cacheFile)).toBe(sha256("two"));
		const forged = forge(cacheFile);
		expect(await digestOfFile(root, cacheFile)).toBe(forged);
	});

	it("does not come to believe a young entry by a save that did not look at it", async () => {
		const root = directoryOf({ f: "one", g: "g" });
		const cacheFile = join(temporaryDirectory(), "cache");
		const context = await openContext({ root, cacheFile });
		writeFileSync(join(root, "f"), "two");
		await context.resolve(query("f"));
		await context.save();
		forge(cacheFile);
		await sleep(TICK);
		await digestOfFile(root, cacheFile, "g");
		expect(await digestOfFile(root, cacheFile)).toBe(sha256("two"));
	});

	it("believes a file whose time of modification lies years ahead, and sees it change", async () => {
		const root = directoryOf({ f: "one" });
		const cacheFile = join(temporaryDirectory(), "cache");
		const later = new Date("2038-05-05");
		utimesSync(join(root, "f"), later, later);
		await sleep(TICK);
		await digestOfFile(root, cacheFile);
		const forged = forge(cacheFile);
		expect(await digestOfFile(root, cacheFile)).toBe(forged);
		await sleep(TICK);
		writeFileSync(join(root, "f"), "two");
		utimesSync(join(root, "f"), later, later);
		expect(await digestOfFile(root, cacheFile)).toBe(sha256("two"));
	});

	it("does not believe a file that was changed a moment ahead of the clock", async () => {
		const root = directoryOf({ f: "one" });
		const cacheFile = join(temporaryDirectory(), "cache");
		const soon = new Date(Date.now() + 60_000);
		utimesSync(join(root, "f"), soon, soon);
		await sleep(TICK);
		await digestOfFile(root, cacheFile);
		expect(readFileSync(cacheFile, "utf8")).not.toContain(sha256("one").slice("sha256:".length));
	});

	it("keeps what a build did not look at", async () => {
		const root = directoryOf({ f: "one", g: "g" });
		const cacheFile = join(temporaryDirectory(), "cache");
		await sleep(TICK);
		await digestOfFile(root, cacheFile);
		const forged = forge(cacheFile);
		await digestOfFile(root, cacheFile, "g");
		expect(await digestOfFile(root, cacheFile)).toBe(forged);
	});

	it.each([
		["empty", () => ""],
		["cut off", (text: string) => text.slice(0, -20)],
		["of another version", (text: string) => text.replace(/"version":\d+/, '"version":0')],
		["of another root", (text: string) => text.replace('"root":"/', '"root":"/other/')],
		["no object", () => "null"],
		["with entries that are none", (text: string) => text.replace(/"entries":\[.*\]/, '"entries":["f",3,{},"f"]')],
	])("is ignored when it is %s", async (_what, damage) => {
		const root = directoryOf({ f: "one", g: "g" });
		const cacheFile = join(temporaryDirectory(), "cache");
		await sleep(TICK);
		await digestOfFile(root, cacheFile);
		forge(cacheFile);
		writeFileSync(cacheFile, damage(readFileSync(cacheFile, "utf8")));
		expect(await digestOfFile(root, cacheFile, "g")).toBe(sha256("g"));
		expect(await digestOfFile(root, cacheFile)).toBe(sha256("one"));
	});

	it("may have no place to be written", async () => {
		const root = directoryOf({ f: "one" });
		expect(await digestOfFile(root, join(root, "f", "cache"))).toBe(sha256("one"));
		expect(existsSync(join(root, "f", "cache"))).toBe(false);
	});
});
