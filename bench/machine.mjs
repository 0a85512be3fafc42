/**
 * What a step costs apart from its command: a round trip into the guest, a freeze, a resume.
 *
 *   node bench/machine.mjs [--json FILE] [--rounds N]
 *
 * Uses the store of NODEBUILD_HOME, and resumes one machine again and again. "Stands still" is the time between QEMU's
 * stop and its go; all else happens while the guest runs.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "./peers/run.mjs";
import { machine, median, program, remove, sources } from "./support.mjs";

const { values } = parseArgs({
	options: { json: { type: "string", default: "bench-machine.json" }, rounds: { type: "string", default: "7" } },
});
const folder = mkdtempSync(join(tmpdir(), "nodebuild-bench-"));
/** @type {Record<string, number[]>} milliseconds */
const figures = {};

/** @param {string} what @param {number} milliseconds */
function record(what, milliseconds) {
	figures[what] = [...(figures[what] ?? []), milliseconds];
}

/** @template T @param {string} what @param {() => Promise<T>} work @returns {Promise<T>} */
async function timed(what, work) {
	const begun = performance.now();
	const result = await work();
	record(what, performance.now() - begun);
	return result;
}

try {
	const home = process.env.NODEBUILD_HOME;
	if (home === undefined) throw new Error("expected NODEBUILD_HOME to name the store to use");
	const nodebuild = await sources(["build/machines.ts", "layers/store.ts"], folder);
	const nodefile = join(folder, "Nodefile");
	writeFileSync(nodefile, `FROM debian:12\nRUN : ${Date.now()}\n`);
	run(process.execPath, [program, "build", "-q", "--live", "always", "-f", nodefile]);
	const { plan } = JSON.parse(run(process.execPath, [program, "plan", "--json", "-f", nodefile]));
	const store = await nodebuild.openStore(home);
	const layer = await store.layers.find(plan.stages[0].steps.at(-1).key);
	const { signal } = new AbortController();
	const options = { memory: 1024, cpus: 2, signal, emit: () => undefined, live: "auto" };
	for (let round = 0; round < Number(values.rounds); round++) {
		const running = await timed("resume, until a command can be run", () => nodebuild.startAt(layer, store, options));
		try {
			const { guest } = running.machine;
			if (!running.resumed) throw new Error("expected the machine to be resumed, it was booted");
			await timed("first command", () => guest.script("true"));
			await timed("next command", () => guest.script("true"));
			for (const live of [false, true]) {
				await guest.script(`echo ${round} > /etc/motd`);
				await timed("sync before a freeze", () => running.machine.settle(signal));
				const request = live ? { folder: join(running.work.path, "live"), limit: 2 ** 30 } : undefined;
				const frozen = await running.machine.freeze("unused", request);
				if (live && frozen.live?.ok !== true) throw new Error(`no live state: ${frozen.live?.reason}`);
				record(live ? "stands still, with a live state" : "stands still, disk only", frozen.stopped);
				if (live) record("pages of the live state, MiB", frozen.live.size / 2 ** 20);
			}
		} finally {
			await running[Symbol.asyncDispose]();
		}
	}
	await store.close();
	console.log(`| after a small step, 1 GiB, 2 processors | median of ${values.rounds}, ms | least | most |`);
	console.log("| --- | --- | --- | --- |");
	for (const [what, all] of Object.entries(figures)) {
		const cells = [median(all), Math.min(...all), Math.max(...all)].map((figure) => figure.toFixed(0));
		console.log(`| ${what} | ${cells.join(" | ")} |`);
	}
	writeFileSync(values.json, `${JSON.stringify({ date: new Date().toISOString(), machine, figures }, null, 2)}\n`);
} finally {
	remove(folder);
}
