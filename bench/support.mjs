/** What the benches share: figures in turn, medians, sources of ours as a module. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const program = join(root, "dist/nodebuild.js");

/**
 * Node.js 20 reads and checks the certificates of this file at each start, before anything of ours runs: 50 ms of figures
 * that are not about it. Nothing that is measured asks a server.
 */
export function withoutExtraCertificates() {
	delete process.env.NODE_EXTRA_CA_CERTS;
}

/** The machine that the figures are of. */
export const machine = { cores: cpus().length, model: cpus()[0]?.model ?? "unknown", node: process.versions.node };

/** @param {readonly number[]} figures */
export function median(figures) {
	const sorted = [...figures].sort((a, b) => a - b);
	const [low = Number.NaN, high = low] = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
	return (low + high) / 2;
}

/**
 * Run each of several things in turn, so that what else the host does is the same for all.
 * @param {Record<string, () => Promise<unknown> | unknown>} things @param {number} rounds
 * @returns {Promise<Record<string, number[]>>} seconds, by name
 */
export async function inTurn(things, rounds) {
	/** @type {Record<string, number[]>} */
	const seconds = {};
	for (let round = 0; round < rounds; round++) {
		for (const [name, work] of Object.entries(things)) {
			const started = performance.now();
			await work();
			seconds[name] = [...(seconds[name] ?? []), (performance.now() - started) / 1000];
		}
	}
	return seconds;
}

/**
 * Print medians, and what each is to the first.
 * @param {string} title @param {Record<string, number[]>} seconds
 */
export function report(title, seconds) {
	const [first = []] = Object.values(seconds);
	console.log(`\n${title}\n| | median, s | ratio |\n| --- | --- | --- |`);
	for (const [name, figures] of Object.entries(seconds)) {
		console.log(`| ${name} | ${median(figures).toFixed(3)} | ${(median(figures) / median(first)).toFixed(2)} |`);
	}
}

/**
 * Parts of src as one module.
 * @param {readonly string[]} files below src @param {string} folder for the bundle
 */
export async function sources(files, folder) {
	const outfile = join(folder, "sources.mjs");
	await build({
		stdin: { contents: files.map((file) => `export * from "./src/${file}";`).join("\n"), resolveDir: root },
		outfile,
		bundle: true,
		format: "esm",
		platform: "node",
		target: "node20",
		external: ["*.node", "cpu-features"],
		banner: {
			js: 'import { createRequire as requireFrom } from "node:module";\nconst require = requireFrom(import.meta.url);\nconst __dirname = import.meta.dirname;',
		},
		logLevel: "warning",
	});
	return import(outfile);
}

/**
 * Files of one size, a hundred in a folder.
 * @param {string} folder @param {number} count @param {number} size bytes
 */
export function writeSmallFiles(folder, count, size) {
	for (let index = 0; index < count; index++) {
		const subfolder = join(folder, `part-${Math.floor(index / 100)}`);
		if (index % 100 === 0) mkdirSync(subfolder, { recursive: true });
		writeFileSync(join(subfolder, `file-${index}.txt`), String(index).padEnd(size, "."));
	}
}

/** @param {readonly string[]} folders */
export function remove(...folders) {
	for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
