/**
 * The loop: mutate a text of the corpus, run it, keep it if it reached code that none before it reached.
 * What it is at stands in shared memory, so that who watches can say which text hangs.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Coverage } from "./coverage.mjs";
import { minimize, mutate } from "./mutate.mjs";
import { Random } from "./random.mjs";

/** @typedef {{ target: string, corpus: string[], seed: number, until: number, shared: SharedArrayBuffer }} Order */

/** So many texts run before the counters are read; only what is new is run one by one. */
const BATCH = 64;

/** @type {Order} */
const order = workerData;
const { target, corpus, seed, until, shared } = order;
const port = parentPort;
if (port === null) throw new Error("expected to be started by scripts/fuzz.mjs");
const random = new Random(seed);
/** @type {{ run: (text: string) => Promise<void> }} */
const { run } = await import(target);
const coverage = new Coverage(target);
const heart = new Int32Array(shared, 0, 2);
const current = new Uint8Array(shared, 8);
const encoder = new TextEncoder();
const known = new Set();

/** @param {string} text @returns {Promise<Error | undefined>} */
async function failureOf(text) {
	const { written = 0 } = encoder.encodeInto(text, current);
	heart[1] = written;
	Atomics.add(heart, 0, 1);
	try {
		await run(text);
		return undefined;
	} catch (error) {
		return error instanceof Error ? error : new Error(String(error));
	}
}

/** Two failures are one when they come from the same place. @param {Error} error */
function signature(error) {
	const frames = (error.stack ?? "").split("\n").filter((line) => line.trim().startsWith("at "));
	const place =
		error.name === "Violation"
			? error.message
			: frames
					.slice(0, 2)
					.join("")
					.replace(/\([^)]*[\\/]/g, "(");
	return `${error.name} ${place}`;
}

/** @param {string} text */
async function tried(text) {
	const error = await failureOf(text);
	if (error === undefined) return;
	const name = signature(error);
	if (known.has(name)) return;
	known.add(name);
	const shortest = await minimize(text, async (shorter) => {
		const other = await failureOf(shorter);
		return other !== undefined && signature(other) === name;
	});
	port?.postMessage({ type: "finding", kind: error.name, message: error.message, stack: error.stack, text: shortest });
}

/** Keeps those of some texts that reach what is not known yet: halves without any are left at once. @param {string[]} some */
async function keepNew(some) {
	for (const text of some) await failureOf(text);
	if ((await coverage.fresh()).length === 0) return;
	if (some.length > 1) {
		const half = some.length >> 1;
		await keepNew(some.slice(0, half));
		await keepNew(some.slice(half));
		return;
	}
	for (const text of some) await failureOf(text);
	await coverage.isNew();
	texts.push(...some);
	for (const text of some) port?.postMessage({ type: "kept", text });
}

let executions = 0;
await coverage.start();
// The seeds first, each by itself: those that add nothing would only dilute the corpus.
/** @type {string[]} */
const texts = [];
for (const text of corpus) {
	if (Date.now() > until) break;
	await tried(text);
	executions++;
	if (await coverage.isNew()) texts.push(text);
}
port.postMessage({ type: "seeded", executions, corpus: texts.length, blocks: coverage.blocks });
let told = Date.now();
while (Date.now() < until && texts.length > 0) {
	// What was found last has the most untried about it.
	const pick = () => (random.next() < 0.3 ? random.of(texts.slice(-20)) : random.of(texts));
	const batch = Array.from({ length: BATCH }, () => mutate(pick(), random.of(texts), random));
	for (const text of batch) await tried(text);
	executions += BATCH;
	if ((await coverage.fresh()).length > 0) await keepNew(batch);
	if (Date.now() - told > 5000) {
		told = Date.now();
		port.postMessage({ type: "progress", executions, corpus: texts.length, blocks: coverage.blocks });
	}
}
port.postMessage({ type: "done", executions, corpus: texts.length, blocks: coverage.blocks });
