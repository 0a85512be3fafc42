/** What `nodebuild doctor` finds of the store: room for it, whether it can be used, damage. */
import { constants, existsSync } from "node:fs";
import { access, readFile, rmdir } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { messageOf, NodebuildError } from "../errors.ts";
import { findBrokenDisks } from "../layers/disk-check.ts";
import { hintFor } from "../layers/fault.ts";
import { type StorePaths, storePaths } from "../layers/paths.ts";
import { isStore } from "../layers/store.ts";
import { findProblems } from "../layers/survey.ts";
import { formatBytes, freeSpace, makeFolder } from "../system/files.ts";
import type { DoctorRow } from "./backend.ts";

const GIB = 2 ** 30;
/** A bootstrapped base, its layers and one image of the example need about this much. */
const NEEDED_SPACE = 3 * GIB;
const COMFORTABLE_SPACE = 10 * GIB;

export async function storeRows(home: string): Promise<readonly DoctorRow[]> {
	const row = await storeRow(home).catch((error: unknown) => unusableRow(error));
	if (row.state === "missing") return [row];
	return [await spaceRow(home), row, ...(await damageRows(home))];
}

async function spaceRow(home: string): Promise<DoctorRow> {
	const free = await freeSpace(home);
	const row = { name: "space", found: `${formatBytes(free)} free at ${home}` };
	const advice = "free some: nodebuild prune --all, or put the store elsewhere with NODEBUILD_HOME";
	const state = free < NEEDED_SPACE ? "missing" : free < COMFORTABLE_SPACE ? "poor" : "good";
	return state === "good" ? { ...row, state } : { ...row, state, advice };
}

function unusableRow(error: unknown): DoctorRow {
	const code = error instanceof Error && "code" in error ? String(error.code) : "";
	const advice = error instanceof NodebuildError ? error.hint : hintFor(code);
	return { name: "store", state: "missing", found: messageOf(error), ...(advice && { advice }) };
}

/** @throws NodebuildError STORE_INVALID, and what the system says. */
async function storeRow(home: string): Promise<DoctorRow> {
	const name = "store";
	const paths = storePaths(home);
	if (!existsSync(home)) {
		await tryToMake(home);
		return { name, state: "good", found: `${home} (made by the first build)` };
	}
	const made = await isStore(paths);
	await requireWritable(paths);
	if (!made) return { name, state: "good", found: `${home} (empty)` };
	return { name, state: "good", found: `${home}, version ${(await readFile(paths.version, "utf8")).trim()}` };
}

/** Only the system can tell whether it makes a folder: it is made, and goes again with those above it that were not there. */
async function tryToMake(home: string): Promise<void> {
	let above = home;
	const made: string[] = [];
	for (; !existsSync(above) && above !== dirname(above); above = dirname(above)) made.push(above);
	try {
		await makeFolder(home, 0o700);
	} finally {
		// One that is not empty has become a store meanwhile.
		for (const folder of made) await rmdir(folder).catch(() => undefined);
	}
}

async function requireWritable(paths: StorePaths): Promise<void> {
	const folders = [paths.kind("bases"), paths.kind("layers"), paths.kind("images"), paths.tags];
	for (const folder of [paths.home, ...folders, paths.downloads, paths.locks, paths.tmp])
		if (folder === paths.home || existsSync(folder)) await access(folder, constants.W_OK | constants.X_OK);
}

async function damageRows(home: string): Promise<readonly DoctorRow[]> {
	const paths = storePaths(home);
	const problems = await findProblems(paths);
	const disks = await findBrokenDisks(paths);
	const rows: DoctorRow[] = [];
	const [first] = problems;
	if (first !== undefined)
		rows.push({
			name: "damage",
			state: "poor",
			found: `${problems.length} damaged in the store, e.g. ${first.id}: ${first.reason}`,
			advice: "builds make again what they need of it; nodebuild prune removes it",
		});
	if (disks.length > 0)
		rows.push({
			name: "damaged disks",
			state: "poor",
			found: disks.map(({ folder, reason }) => `${relative(home, folder)}: ${reason}`).join("; "),
			advice: `remove them, builds make again what they need of it: rm -r ${disks.map(({ folder }) => folder).join(" ")}`,
		});
	return rows;
}
