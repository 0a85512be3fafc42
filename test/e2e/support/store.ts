/** Stores of a test's own, and what processes leave behind in a store. */
import { cp, link, mkdir, mkdtemp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";

/** What a store is made of beside work in progress. */
const PARTS = ["version", "bases", "layers", "images", "tags", "host", "cache", "ram"];

/** The files of a tree, by links where that is possible: disks of a store never change. */
async function copyTree(from: string, to: string): Promise<void> {
	const entries = await readdir(from, { withFileTypes: true }).catch(() => []);
	await mkdir(to, { recursive: true, mode: 0o700 });
	for (const entry of entries) {
		const [source, target] = [join(from, entry.name), join(to, entry.name)];
		if (entry.isDirectory()) await copyTree(source, target);
		else await link(source, target).catch(() => cp(source, target));
	}
}

/** A new store that has what the shared one has: its base, booted once. Returns its folder. */
export async function privateStore(parent: string = inject("work")): Promise<string> {
	const home = await mkdtemp(join(parent, "store-"));
	for (const part of PARTS) {
		if (part === "version") await cp(join(inject("home"), part), join(home, part));
		else await copyTree(join(inject("home"), part), join(home, part));
	}
	for (const folder of ["downloads", "locks", "tmp"]) await mkdir(join(home, folder), { mode: 0o700 });
	return home;
}

/** What lies in tmp/ and locks/ of a store. */
export async function leftovers(home: string): Promise<readonly string[]> {
	const found: string[] = [];
	for (const folder of ["tmp", "locks"])
		for (const name of await readdir(join(home, folder))) found.push(`${folder}/${name}`);
	return found;
}

/** Processes that were given a path in a folder: machines, and tools at work on its disks. */
export async function processesIn(folder: string): Promise<readonly string[]> {
	const found: string[] = [];
	for (const name of await readdir("/proc")) {
		if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
		// A process may end while we look; a zombie has no command line.
		const text = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
		if (text.includes(`${folder}/`)) found.push(`${name}: ${text.replaceAll("\0", " ")}`);
	}
	return found;
}

/** As processesIn, once it is empty, or after two seconds: the kernel ends them behind a process that was killed. */
export async function lingering(folder: string): Promise<readonly string[]> {
	const end = performance.now() + 2000;
	for (;;) {
		const found = await processesIn(folder);
		if (found.length === 0 || performance.now() > end) return found;
		await sleep(20);
	}
}
