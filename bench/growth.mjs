/**
 * A chain of many small steps: what each adds to the store, and what a long chain of overlays costs those who read.
 *
 *   node bench/growth.mjs [--json FILE] [--rounds N] [--steps N]
 *
 * Uses the store of NODEBUILD_HOME. The disks of layers at several depths, and a flat copy of the deepest, are plugged into
 * one running machine, which reads each as a whole, in turn.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "./peers/run.mjs";
import { inTurn, machine, median, program, remove, report, sources } from "./support.mjs";

const { values } = parseArgs({
	options: {
		json: { type: "string", default: "bench-growth.json" },
		rounds: { type: "string", default: "3" },
		steps: { type: "string", default: "200" },
	},
});
const steps = Number(values.steps);
const folder = mkdtempSync(join(tmpdir(), "nodebuild-bench-"));

/** Bytes on disk below a folder; what lies there twice is counted once. @param {string} path */
const usage = (path) => Number(execFileSync("du", ["-s", "-B1", path], { encoding: "utf8" }).split("\t")[0]);

try {
	const home = process.env.NODEBUILD_HOME;
	if (home === undefined) throw new Error("expected NODEBUILD_HOME to name the store to use");
	const nodefile = join(folder, "Nodefile");
	const build = () => run(process.execPath, [program, "build", "-q", "-f", nodefile]);
	const salt = `${process.pid}-${Date.now()}`;
	writeFileSync(nodefile, `FROM debian:12\nENV SALT=${salt}\nRUN echo first > /first\n`);
	build();
	const before = usage(home);
	const lines = Array.from({ length: steps - 1 }, (_, index) => `RUN echo ${index} > /step-${index}\n`);
	writeFileSync(nodefile, `FROM debian:12\nENV SALT=${salt}\nRUN echo first > /first\n${lines.join("")}`);
	const begun = performance.now();
	build();
	const seconds = (performance.now() - begun) / 1000;
	const grown = (usage(home) - before) / 2 ** 20;
	console.log(`${steps - 1} small steps: ${seconds.toFixed(1)} s, ${(seconds / (steps - 1)).toFixed(2)} s each;`);
	console.log(`the store grew by ${grown.toFixed(1)} MiB, ${(grown / (steps - 1)).toFixed(2)} MiB a step`);

	const nodebuild = await sources(["build/machines.ts", "layers/backing.ts", "layers/store.ts"], folder);
	const { plan } = JSON.parse(run(process.execPath, [program, "plan", "--json", "-f", nodefile]));
	const store = await nodebuild.openStore(home);
	/** @type {{ effects: unknown[]; key: string }[]} */
	const planned = plan.stages[0].steps;
	const keys = planned.filter(({ effects }) => effects.length > 0).map(({ key }) => key);
	const { signal } = new AbortController();
	const options = { memory: 1024, cpus: 2, signal, emit: () => undefined, live: "auto" };
	const deepest = await store.layers.find(keys.at(-1));
	const flat = join(folder, "flat.qcow2");
	execFileSync("qemu-img", ["convert", "-O", "qcow2", await nodebuild.nameWithBacking(deepest.disk), flat]);
	const running = await nodebuild.startAt(deepest, store, options);
	try {
		const { guest } = running.machine;
		/** @type {Record<string, () => Promise<void>>} */
		const ways = {};
		const add = async (/** @type {string} */ name, /** @type {string} */ file) => {
			const { device } = await running.machine.attach({ file, format: "qcow2", readOnly: true });
			// The data that is there, not the holes behind it.
			ways[name] = () =>
				guest.script(`echo 3 > /proc/sys/vm/drop_caches; dd if=${device} of=/dev/null bs=1M count=1024 status=none`);
		};
		await add("flat", flat);
		for (const depth of [1, 50, 200].filter((one) => one <= steps))
			await add(`${depth} overlays`, (await store.layers.find(keys[depth - 1])).disk);
		for (const way of Object.values(ways)) await way();
		const read = await inTurn(ways, Number(values.rounds));
		report("Reading the first GiB of a disk in the guest", read);
		const result = { steps, seconds, mebibytesPerStep: grown / (steps - 1), read };
		writeFileSync(values.json, `${JSON.stringify({ date: new Date().toISOString(), machine, ...result }, null, 2)}\n`);
		console.log(
			`deepest against flat: ${(median(read[`${steps} overlays`] ?? []) / median(read.flat ?? [])).toFixed(2)}`,
		);
	} finally {
		await running[Symbol.asyncDispose]();
		await store.close();
	}
} finally {
	remove(folder);
}
