/**
 * Fuzzing of everything that reads a Nodefile: texts are made of the recorded Dockerfiles, and those that reach code which
 * none before them reached are kept to make more of. A text must give instructions and plans, or an error with its place;
 * it may not crash, and must be done within the limit of processor time.
 *
 *   npm run fuzz -- --minutes 10 [--seed N] [--limit SECONDS]
 *
 * The corpus lies in .cache/fuzz/corpus and is taken up again; what was found lies in .cache/fuzz/findings. Ends with 1 when
 * something was found.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
	options: {
		minutes: { type: "string", default: "1" },
		seed: { type: "string", default: String(Date.now() % 2 ** 31) },
		limit: { type: "string", default: "10" },
	},
});
const minutes = positive("minutes", values.minutes);
const seed = positive("seed", values.seed);
const limit = 1000 * positive("limit", values.limit);

const cache = join(root, ".cache/fuzz");
const corpusFolder = join(cache, "corpus");
const findingsFolder = join(cache, "findings");
const LONGEST = 8000;
/** Room for a text in shared memory: UTF-8 takes at most three bytes for a code unit. */
const ROOM = 8 + 3 * (LONGEST + 1);

/** @param {string} name @param {string} text */
function positive(name, text) {
	const number = Number(text);
	if (number > 0) return number;
	console.error(`fuzz: expected a number above 0 for --${name}, got ${text}`);
	process.exit(2);
}

/** @param {string} folder @param {string} text */
function save(folder, text) {
	mkdirSync(folder, { recursive: true });
	const file = join(folder, createHash("sha256").update(text).digest("hex").slice(0, 16));
	writeFileSync(file, text);
	return file;
}

/** Recorded Dockerfiles where they are at hand, the project's own Nodefiles, and what earlier runs kept. */
function seeds() {
	const vectors = join(process.env.NODEBUILD_CONFORMANCE ?? resolve(root, "../shared/conformance"), "vectors");
	const texts = new Set();
	const rows = join(vectors, "parser-corpus.jsonl");
	if (existsSync(rows)) {
		for (const line of readFileSync(rows, "utf8").split("\n")) if (line !== "") texts.add(JSON.parse(line).Text);
		for (const { text } of JSON.parse(readFileSync(join(vectors, "parser-golden.json"), "utf8"))) texts.add(text);
	} else console.log(`fuzz: no recorded Dockerfiles at ${vectors}; set NODEBUILD_CONFORMANCE`);
	const golden = join(root, "test/unit/plan/golden");
	for (const name of readdirSync(golden)) {
		if (name.endsWith(".Nodefile")) texts.add(readFileSync(join(golden, name), "utf8"));
	}
	const docs = readFileSync(join(root, "docs/nodefile.md"), "utf8");
	for (const [, text] of docs.matchAll(/```Nodefile[^\n]*\n([\s\S]*?)```/g)) texts.add(text);
	if (existsSync(corpusFolder)) {
		for (const name of readdirSync(corpusFolder)) texts.add(readFileSync(join(corpusFolder, name), "utf8"));
	}
	return [...texts].filter((text) => text.length <= LONGEST);
}

async function bundle() {
	const outfile = join(cache, `target.${process.pid}.mjs`);
	await build({
		absWorkingDir: root,
		entryPoints: ["test/fuzz/target.ts"],
		outfile,
		bundle: true,
		format: "esm",
		platform: "node",
		target: "node20",
		banner: {
			js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
		},
		logLevel: "warning",
	});
	return outfile;
}

/** Milliseconds of processor time: a host that has no time for us makes no text slow. */
function clock() {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}

const totals = { executions: 0, corpus: 0, blocks: 0, findings: 0 };

/**
 * One worker to its end. Resolves with the text that it did not come back from, if there is one.
 * @param {string} target @param {string[]} corpus @param {number} until @param {number} turn
 * @returns {Promise<{ kind: string, text: string } | undefined>}
 */
function work(target, corpus, until, turn) {
	const shared = new SharedArrayBuffer(ROOM);
	const heart = new Int32Array(shared, 0, 2);
	const text = () => Buffer.from(new Uint8Array(shared, 8, heart[1])).toString("utf8");
	const worker = new Worker(new URL("fuzz/worker.mjs", import.meta.url), {
		workerData: { target: pathToFileURL(target).href, corpus, seed: seed + turn, until, shared },
		resourceLimits: { maxOldGenerationSizeMb: 1024 },
	});
	const before = totals.executions;
	return new Promise((resolve) => {
		let beat = 0;
		let since = clock();
		const watch = setInterval(() => {
			if (heart[0] !== beat) {
				beat = heart[0] ?? 0;
				since = clock();
			} else if (clock() - since > limit) finish({ kind: "hang", text: text() });
		}, 250);
		/** @param {{ kind: string, text: string } | undefined} end */
		const finish = (end) => {
			clearInterval(watch);
			worker.removeAllListeners();
			worker.terminate().then(() => resolve(end));
		};
		worker.on("message", (message) => {
			if (message.type === "kept") save(corpusFolder, message.text);
			else if (message.type === "finding") found(message.kind, message.text, message.stack ?? message.message);
			else {
				Object.assign(totals, {
					corpus: message.corpus,
					blocks: message.blocks,
					executions: before + message.executions,
				});
				if (message.type !== "progress" || turn === 0) report(message.type);
				if (message.type === "done") finish(undefined);
			}
		});
		worker.on("error", (error) => finish({ kind: `crash: ${error.message}`, text: text() }));
		worker.on("exit", () => finish({ kind: "the worker ended", text: text() }));
	});
}

const started = Date.now();

/** @param {string} what */
function report(what) {
	const seconds = (Date.now() - started) / 1000;
	const { executions, corpus, blocks, findings } = totals;
	const speed = Math.round(executions / Math.max(1, seconds));
	console.log(
		`fuzz: ${what.padEnd(8)} ${seconds.toFixed(0)} s, ${executions} executions (${speed}/s), corpus ${corpus}, ${blocks} blocks, ${findings} findings`,
	);
}

/** @param {string} kind @param {string} text @param {string} details */
function found(kind, text, details) {
	totals.findings++;
	console.log(`fuzz: FOUND ${kind}: ${save(findingsFolder, text)}\n${details}\n${JSON.stringify(text)}`);
}

mkdirSync(cache, { recursive: true });
const target = await bundle();
const until = started + minutes * 60_000;
console.log(`fuzz: seed ${seed}, ${minutes} min, ${limit / 1000} s for each text`);
try {
	let corpus = seeds();
	for (let turn = 0; Date.now() < until; turn++) {
		const lost = await work(target, corpus, until, turn);
		if (lost === undefined) continue;
		found(lost.kind, lost.text, "");
		// A seed that never comes back would stop every further worker.
		corpus = corpus.filter((text) => text !== lost.text);
	}
} finally {
	rmSync(target, { force: true });
}
report("end");
if (totals.findings > 0) process.exitCode = 1;
