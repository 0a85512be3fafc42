/**
 * The reference build, measured: cold, unchanged, its last step changed, one file of its context touched.
 *
 *   npm run bench [-- --json FILE] [-- --rounds N]
 *
 * The base is fetched or bootstrapped before the clock starts. Prints a table of medians and writes every figure as JSON.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, "dist/nodebuild.js");
const { values } = parseArgs({
	options: { json: { type: "string", default: "bench.json" }, rounds: { type: "string", default: "3" } },
});
if (!existsSync(program)) {
	console.error("bench: expected dist/nodebuild.js: run `npm run build` first");
	process.exit(1);
}

const BASE = "FROM debian:12\n";
/** The five steps that other tools are measured with. @param {string} salt @param {string} motd */
const nodefile = (salt, motd) => `${BASE}ENV BENCH=${salt}
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light curl jq
COPY app /opt/app
RUN echo vm.swappiness=10 > /etc/sysctl.d/90-app.conf && echo br_netfilter > /etc/modules-load.d/app.conf
RUN useradd -m app && chown -R app /opt/app
RUN echo "${motd}" > /etc/motd
`;

const folder = mkdtempSync(join(tmpdir(), "nodebuild-bench-"));
/** @type {Record<string, number[]>} */
const seconds = {};

/** 2,000 files of 4 KiB and one of 100 MiB. */
function writeContext() {
	for (let index = 0; index < 2000; index++) {
		const subfolder = join(folder, "app", `part-${index % 20}`);
		mkdirSync(subfolder, { recursive: true });
		writeFileSync(join(subfolder, `${index}.txt`), String(index).padEnd(4096, "."));
	}
	writeFileSync(join(folder, "app/large.bin"), Buffer.alloc(100 << 20, "nodebuild"));
}

/** @param {string} what @param {string} text */
function measure(what, text) {
	writeFileSync(join(folder, "Nodefile"), text);
	const started = performance.now();
	const { status } = spawnSync(process.execPath, [program, "build", "-q", "-f", join(folder, "Nodefile")], {
		stdio: ["ignore", "ignore", "inherit"],
	});
	if (status !== 0) throw new Error(`"${what}" ended with status ${status}`);
	const took = (performance.now() - started) / 1000;
	seconds[what] = [...(seconds[what] ?? []), took];
	console.log(`${what}: ${took.toFixed(2)} s`);
}

/** @param {readonly number[]} figures */
function median(figures) {
	return [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
}

try {
	writeContext();
	measure("base", BASE);
	for (let round = 0; round < Number(values.rounds); round++) {
		const salt = `${process.pid}-${round}`;
		measure("cold", nodefile(salt, "first"));
		measure("unchanged", nodefile(salt, "first"));
		measure("last step changed", nodefile(salt, "second"));
		writeFileSync(join(folder, "app/part-0/0.txt"), salt);
		measure("context file touched", nodefile(salt, "second"));
	}
	const rows = Object.entries(seconds).map(([what, figures]) => [what, median(figures).toFixed(2)]);
	console.log(`\n| build | median of ${values.rounds}, s |\n| --- | --- |`);
	for (const [what, figure] of rows) console.log(`| ${what} | ${figure} |`);
	const machine = { cores: cpus().length, model: cpus()[0]?.model ?? "unknown", node: process.versions.node };
	writeFileSync(values.json, `${JSON.stringify({ machine, seconds }, null, 2)}\n`);
} finally {
	rmSync(folder, { recursive: true, force: true });
}
