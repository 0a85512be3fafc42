import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquire, sweepLocks, tryAcquire } from "../../../src/system/locks.ts";
import { bundle, start, tempDir } from "./child.ts";

test("one holder at a time, also within one process; a released lock is free", async () => {
	const path = join(await tempDir(), "locks", "step");
	const first = await tryAcquire(path);
	expect(first).toBeDefined();
	expect(await tryAcquire(path)).toBeUndefined();
	await first?.release();
	await first?.release();
	const second = await acquire(path);
	expect(await readdir(join(path, ".."))).toEqual(["step"]);
	await second.release();
	expect(await readdir(join(path, ".."))).toEqual([]);
});

test("who waits is told once who holds it, and gets it after the release", async () => {
	const path = join(await tempDir(), "step");
	const first = await acquire(path);
	const told: number[] = [];
	let second: ReturnType<typeof acquire> | undefined;
	await new Promise<void>((resolve) => {
		second = acquire(path, {
			onWait: ({ pid }) => {
				told.push(pid);
				resolve();
			},
		});
	});
	expect(told).toEqual([process.pid]);
	await first.release();
	await (await second)?.release();
	expect(told).toHaveLength(1);
});

test("a wait can be interrupted", async () => {
	const path = join(await tempDir(), "step");
	await using _held = await acquire(path);
	const controller = new AbortController();
	const waiting = acquire(path, { signal: controller.signal, onWait: () => controller.abort() });
	await expect(waiting).rejects.toMatchObject({ code: "INTERRUPTED" });
	await expect(acquire(path, { signal: controller.signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
});

test("the locks of a dead process, of another boot, and unreadable ones are taken over", async () => {
	const folder = await tempDir();
	const path = join(folder, "step");
	const lock = await acquire(path);
	const holder = JSON.parse(await readFile(path, "utf8"));
	await lock.release();
	const dead = [{ ...holder, start: "1" }, { ...holder, boot: "00000000" }, { ...holder, pid: 4_194_305 }, {}];
	for (const one of [...dead.map((value) => JSON.stringify(value)), "", '"']) {
		await writeFile(path, one);
		const taken = await tryAcquire(path);
		expect(taken, one).toBeDefined();
		expect(await tryAcquire(path), one).toBeUndefined();
		await taken?.release();
	}
	expect(await readdir(folder)).toEqual([]);
});

test("of many who find the same dead lock at once exactly one takes it over", async () => {
	const folder = await tempDir();
	const path = join(folder, "step");
	const lock = await acquire(path);
	const dead = JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), start: "1" });
	await lock.release();
	for (let round = 0; round < 16; round++) {
		await writeFile(path, round % 2 === 0 ? dead : "cut sh");
		const taken = (await Promise.all(Array.from({ length: 20 }, () => tryAcquire(path)))).filter(Boolean);
		expect(taken).toHaveLength(1);
		await taken[0]?.release();
		expect(await readdir(folder)).toEqual([]);
	}
});

test("a lock that a person removed and another took is not removed by the release", async () => {
	const path = join(await tempDir(), "step");
	const first = await acquire(path);
	const holder = JSON.parse(await readFile(path, "utf8"));
	await writeFile(path, JSON.stringify({ ...holder, nonce: "another" }));
	await first.release();
	expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ nonce: "another" });
});

test("a sweep removes dead locks and half-made ones, and leaves living ones", async () => {
	const folder = await tempDir();
	await using living = await acquire(join(folder, "living"));
	const holder = JSON.parse(await readFile(living.path, "utf8"));
	await writeFile(join(folder, "dead"), JSON.stringify({ ...holder, start: "1" }));
	await writeFile(join(folder, "dead~aaaa"), JSON.stringify({ ...holder, start: "1" }));
	await writeFile(join(folder, `step@1.1.${holder.boot}.${holder.namespace}-0011aabb`), "");
	await sweepLocks(folder);
	expect(await readdir(folder)).toEqual(["living"]);
});

/** Takes the lock again and again; two at once would meet the other's file in the room. */
const CONTENDER = `
import { rm, writeFile, readFile } from "node:fs/promises";
import { acquire } from "./src/system/locks.ts";
const [path, room, rounds] = process.argv.slice(2);
for (let i = 0; i < Number(rounds); i++) {
	const lock = await acquire(path);
	try {
		await writeFile(room, String(process.pid), { flag: "wx" });
	} catch {
		const other = Number(await readFile(room, "utf8").catch(() => "0"));
		// A zombie does nothing any more.
		const stat = await readFile("/proc/" + other + "/stat", "utf8").catch(() => ") Z");
		if (!stat.includes(") Z")) { console.log("VIOLATION", process.pid, other); process.exit(1); }
		await writeFile(room, String(process.pid));
	}
	await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
	await rm(room, { force: true });
	await lock.release();
}
console.log("done");
`;

test("many processes, some killed while they hold or break the lock: never two holders, never a lock that stays", async () => {
	const folder = await tempDir();
	const script = await bundle(folder, CONTENDER);
	const path = join(folder, "locks", "step");
	const args = [path, join(folder, "room")];
	const victims = Array.from({ length: 6 }, () => start(script, [...args, "100000"]));
	const survivors = [start(script, [...args, "20"]), start(script, [...args, "20"])];
	for (const victim of victims) {
		await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
		victim.process.kill("SIGKILL");
	}
	for (const child of survivors) {
		await child.ended;
		expect(child.output()).toBe("done\n");
	}
	for (const victim of victims) {
		await victim.ended;
		expect(victim.output()).not.toContain("VIOLATION");
	}
	await sweepLocks(join(folder, "locks"));
	expect(await readdir(join(folder, "locks"))).toEqual([]);
}, 60_000);
