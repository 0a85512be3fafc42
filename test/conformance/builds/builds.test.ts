/**
 * Whole builds that BuildKit has done, done again: the same files, owners, modes, contents, links and configuration, or
 * an error where it had one. A case runs on a machine that is resumed where the base had just booted.
 *
 * CI runs a third of the cases, `npm run conformance` all; NODEBUILD_CONFORMANCE_ONLY picks by a pattern on their names.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildUnsealed } from "../../../src/build/build.ts";
import { type Case, readCases, readInput, unpackCases } from "./cases.ts";
import { knownDifferences } from "./differences.ts";
import { type Result, report } from "./report.ts";
import { type Base, runCase } from "./run-case.ts";
import { type CaseStore, caseStore, type Ground, JOBS, optionsFor, prepareGround } from "./store.ts";
import { listAll, type Tree } from "./tree.ts";

const ALL = (process.env.NODEBUILD_CONFORMANCE_ALL ?? "") !== "";
const ONLY = new RegExp(process.env.NODEBUILD_CONFORMANCE_ONLY ?? "");

const cases = readCases(ALL).filter(({ id }) => ONLY.test(id));
const known = knownDifferences();
const results: Result[] = [];

let contexts: Awaited<ReturnType<typeof unpackCases>>;
let ground: Ground;
let base: Base;
const free: CaseStore[] = [];
const stores: CaseStore[] = [];
const waiting: ((store: CaseStore) => void)[] = [];

beforeAll(async () => {
	contexts = await unpackCases();
	ground = await prepareGround(new AbortController().signal);
	for (let job = 0; job < JOBS; job++) stores.push(await caseStore(ground));
	free.push(...stores);
	const since = Math.floor(Date.now() / 1000);
	base = { tree: await baseTree(await caseStore(ground)), since };
	// Nothing goes on from a case's own layers: no state of them is worth taking.
	process.env.NODEBUILD_LIVE_QUOTA = "1";
}, 900_000);

afterAll(async () => {
	for (const store of stores) await store.remove();
	await ground?.remove();
	await contexts?.remove();
	process.stdout.write(`\n${report(results)}\n`);
}, 60_000);

/** The files of the machine that every case starts with. */
async function baseTree(store: CaseStore): Promise<Tree> {
	const nodefile = join(store.home, "Nodefile");
	writeFileSync(nodefile, "FROM nb-base:bookworm\nRUN true\n");
	const options = optionsFor(store, { nodefile, context: store.home, signal: new AbortController().signal });
	try {
		return await buildUnsealed(options, async (_plan, machine) => {
			if (machine === undefined) throw new Error("expected a machine for a step that no store has");
			return listAll(machine.guest);
		});
	} finally {
		await store.remove();
	}
}

/** The next free store; the cases wait in their order. */
function take(): Promise<CaseStore> {
	const store = free.pop();
	return store === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(store);
}

function giveBack(store: CaseStore): void {
	const next = waiting.shift();
	if (next === undefined) free.push(store);
	else next(store);
}

async function tryCase(one: Case, signal: AbortSignal): Promise<readonly string[]> {
	const store = await take();
	const begun = performance.now();
	try {
		const different = await runCase(one, readInput(contexts.folder, one), store, base, signal);
		results.push({ ...one, different, known: known.has(one.id), milliseconds: performance.now() - begun });
		return different;
	} finally {
		giveBack(store);
	}
}

test.concurrent.each(cases.map((one) => [one.id, one] as const))(
	"%s",
	async (id, one) => {
		const different = await tryCase(one, AbortSignal.timeout(300_000));
		const said = different.join("\n");
		if (known.has(id)) expect(said, `${id} is listed in docs/differences.md, but is equal`).not.toBe("");
		else if (said !== "") expect.fail(said);
	},
	900_000,
);

test("docs/differences.md lists no case that is not there", () => {
	const ids = new Set(readCases(true).map(({ id }) => id));
	expect([...known.keys()].filter((id) => !ids.has(id))).toEqual([]);
});
