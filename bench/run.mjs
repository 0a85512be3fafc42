/**
 * The reference build with nodebuild and with every other tool that is installed, in turn on this machine.
 *
 *   npm run bench -- [--rounds N] [--only NAME,...] [--changes WORD,...] [--json FILE]
 *
 * Fetching or bootstrapping the base, and its first boot, come before the clock starts. Prints medians and what each
 * is to nodebuild's; writes every figure as JSON, which `node bench/plot.mjs` draws into docs/performance.md.
 * The other tools come from a distribution's packages: bench/peers/install.sh.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildah } from "./peers/buildah.mjs";
import { nodebuild } from "./peers/nodebuild.mjs";
import { packer } from "./peers/packer.mjs";
import { run } from "./peers/run.mjs";
import { virtCustomize } from "./peers/virt-customize.mjs";
import { machine, median, program, withoutExtraCertificates } from "./support.mjs";
import { touchContext, writeContext } from "./workload.mjs";

/** What is done before each build of a round; the first forgets what was built before. */
const CHANGES = ["cold", "unchanged", "last step changed", "context file touched"];

const { values } = parseArgs({
	options: {
		json: { type: "string", default: "bench.json" },
		rounds: { type: "string", default: "3" },
		only: { type: "string" },
		changes: { type: "string" },
	},
});
if (!existsSync(program)) {
	console.error("bench: expected dist/nodebuild.js: run `npm run build` first");
	process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "nodebuild-bench-"));
const base = join(folder, "base.qcow2");
const changes = CHANGES.filter((change) => values.changes?.split(",").some((word) => change.startsWith(word)) ?? true);
const wanted = values.only?.split(",");
const tools = [nodebuild(folder), buildah(folder), virtCustomize(folder, base), packer(folder, base)].filter(
	({ name }) => wanted === undefined || wanted.some((word) => name.startsWith(word)),
);
/** @type {Record<string, Record<string, number[]>>} seconds, by tool and kind of build */
const seconds = {};

/** @typedef {{ name: string; forget(word: string): void; build(workload: import("./workload.mjs").Workload): Record<string, number> | void }} Tool */

/** @param {Tool} tool @param {string} change @param {string} word new in each round */
function measure(tool, change, word) {
	const motd = change === "cold" || change === "unchanged" ? "first" : "second";
	if (change === "cold") tool.forget(word);
	if (change === "context file touched") touchContext(folder, `${word}-${tool.name}`);
	const started = performance.now();
	const details = tool.build({ context: folder, motd });
	const took = (performance.now() - started) / 1000;
	record(tool.name, change, took);
	for (const [what, figure] of Object.entries(details ?? {})) record(tool.name, `${change}: ${what}`, figure);
	console.log(`${tool.name}, ${change}: ${took.toFixed(2)} s`);
}

/** @param {string} tool @param {string} what @param {number} figure */
function record(tool, what, figure) {
	const own = seconds[tool] ?? {};
	seconds[tool] = own;
	own[what] = [...(own[what] ?? []), figure];
}

/** @param {string} tool @param {string} what */
function cell(tool, what) {
	const figures = seconds[tool]?.[what];
	if (figures === undefined) return "";
	const ours = median(seconds.nodebuild?.[what] ?? []);
	const ratio = tool === "nodebuild" || Number.isNaN(ours) ? "" : ` (${(median(figures) / ours).toFixed(1)}x)`;
	return `${median(figures).toFixed(2)}${ratio}`;
}

function save() {
	writeFileSync(values.json, `${JSON.stringify({ date: new Date().toISOString(), machine, seconds }, undefined, 2)}\n`);
}

try {
	mkdirSync(folder, { recursive: true });
	writeContext(folder);
	// The base as a file, for those who take one.
	writeFileSync(join(folder, "Nodefile.base"), "FROM debian:12\n");
	run(process.execPath, [program, "-f", join(folder, "Nodefile.base"), "-o", `type=qcow2,dest=${base}`, folder]);
	const ready = tools.filter((tool) => {
		const lacks = tool.lacks();
		if (lacks.length > 0)
			console.log(`${tool.name}: skipped, not installed: ${lacks.join(", ")} (bench/peers/install.sh)`);
		return lacks.length === 0;
	});
	for (const tool of ready) tool.prepare();
	withoutExtraCertificates();
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const change of changes) for (const tool of ready) measure(tool, change, `${process.pid}-${round}`);
		// What has been measured is kept when a later round is ended.
		save();
	}
	const rows = [...new Set(Object.values(seconds).flatMap((own) => Object.keys(own)))];
	console.log(
		`\nMedians of ${values.rounds}, s (and what it is to nodebuild's)\n| | ${ready.map(({ name }) => name).join(" | ")} |`,
	);
	console.log(`| --- |${" --- |".repeat(ready.length)}`);
	for (const what of rows) console.log(`| ${what} | ${ready.map(({ name }) => cell(name, what)).join(" | ")} |`);
	console.log(`\nevery figure: ${values.json}`);
} finally {
	for (const tool of tools) tool.remove();
	rmSync(folder, { recursive: true, force: true });
}
