/**
 * What a build costs in which nothing changed: the scan of a context, the whole command, its start.
 *
 *   node bench/context.mjs [--json FILE] [--rounds N] [--files N]
 *
 * Starts no machine: the store that the unchanged build finds is made of empty disks.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
	inTurn,
	machine,
	program,
	remove,
	report,
	sources,
	withoutExtraCertificates,
	writeSmallFiles,
} from "./support.mjs";

const { values } = parseArgs({
	options: {
		json: { type: "string", default: "bench-context.json" },
		rounds: { type: "string", default: "5" },
		files: { type: "string", default: "100000" },
	},
});
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), "nodebuild-bench-"));

/** @param {string} file @param {readonly string[]} args @param {object} [options] */
function must(file, args, options = {}) {
	const { status, stdout, error } = spawnSync(file, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
	if (status !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${status ?? error}`);
	return String(stdout);
}

/** A context as a COPY sees it, from a cache of this name. @param {any} nodebuild @param {string} root @param {string} cache */
async function scan(nodebuild, root, cache) {
	const context = await nodebuild.openContext({ root, cacheFile: join(folder, cache) });
	const { digest } = await context.resolve({ paths: ["."], exclude: [], parents: false, unpack: false });
	await context.save();
	return digest;
}

/** @param {any} nodebuild */
async function benchScan(nodebuild) {
	const root = join(folder, "large");
	writeSmallFiles(root, Number(values.files), 100);
	const git = join(folder, "large.git");
	const inGit = ["--git-dir", git, "--work-tree", root];
	const hasGit = spawnSync("git", ["--version"]).status === 0;
	if (hasGit) {
		must("git", [...inGit, "init", "-q"]);
		must("git", [...inGit, "add", "."]);
	} else console.log("git is not installed: nothing to compare the scan with");
	// Young files are read again: with git as with us, the cache has to be older than they are.
	await new Promise((resolve) => setTimeout(resolve, 2100));
	await scan(nodebuild, root, "known.json");
	return inTurn(
		{
			"unchanged, known by status": () => scan(nodebuild, root, "known.json"),
			...(hasGit ? { "git diff --quiet": () => must("git", [...inGit, "diff", "--quiet"]) } : {}),
			"find -size (lstat of each file)": () => must("find", [root, "-size", "+1000000"]),
			"first time, all contents read": () => {
				remove(join(folder, "new.json"));
				return scan(nodebuild, root, "new.json");
			},
		},
		rounds,
	);
}

/** A project whose 20 steps a store has already, in empty disks. @param {any} nodebuild */
async function makeUnchanged(nodebuild) {
	const project = join(folder, "project");
	const home = join(folder, "store");
	writeSmallFiles(join(project, "app"), 2000, 4096);
	const runs = Array.from({ length: 18 }, (_, index) => `RUN echo ${index}`);
	const nodefile = join(project, "Nodefile");
	writeFileSync(nodefile, ["FROM debian:12", "WORKDIR /opt/app", "COPY app .", ...runs, ""].join("\n"));
	const created = new Date().toISOString();
	const virtualSize = 10 * 2 ** 30;
	const store = await nodebuild.openStore(home);
	/** @param {(file: string) => Promise<unknown>} use */
	const withDisk = async (use) => {
		const work = await store.workDir();
		const file = join(work.path, "disk.qcow2");
		must("qemu-img", ["create", "-q", "-f", "qcow2", file, String(virtualSize)]);
		await use(file);
		await work.release();
	};
	const base = nodebuild.sha256("debian:12");
	const from = { version: 1, digest: base, ref: "debian:12", family: "debian", architecture: "amd64", created };
	await withDisk((file) =>
		store.bases.add({ ...from, source: "bench", sourceFormat: "qcow2", virtualSize, verified: "booted" }, file),
	);
	// As the command line asks for it.
	/** @type {{ plan: any }} */
	const { plan } = JSON.parse(
		must(process.execPath, [program, "plan", "--json", "-f", nodefile], {
			env: { ...process.env, NODEBUILD_HOME: home },
		}),
	);
	let parent;
	const [{ rootKey, steps, config }] = plan.stages;
	const layered = steps.filter((/** @type {any} */ step) => step.effects.length > 0);
	for (const { key, title } of [{ key: rootKey, title: "FROM debian:12" }, ...layered]) {
		const layer = { version: 1, key, base, title, created, virtualSize, took: { run: 1, freeze: 1 } };
		const below = parent;
		await withDisk((file) =>
			store.layers.commit({ ...layer, ...(below === undefined ? {} : { parent: below }) }, file),
		);
		parent = key;
	}
	const image = { version: 1, key: plan.imageKey, layer: parent, base, baseRef: "debian:12", family: "debian" };
	await withDisk((file) =>
		store.images.add({ ...image, architecture: "amd64", config, created, virtualSize, history: [] }, file, []),
	);
	await store.close();
	return { nodefile, home };
}

/** @param {any} nodebuild */
async function benchUnchanged(nodebuild) {
	const { nodefile, home } = await makeUnchanged(nodebuild);
	const env = { ...process.env, NODEBUILD_HOME: home };
	const build = () => must(process.execPath, [program, "build", "--offline", "-q", "-f", nodefile], { env });
	await new Promise((resolve) => setTimeout(resolve, 100));
	build();
	return inTurn(
		{
			"node alone": () => must(process.execPath, ["-e", "0"]),
			"nodebuild --version": () => must(process.execPath, [program, "--version"]),
			"unchanged build, 20 steps, 2,000 files": build,
		},
		rounds * 3,
	);
}

if (!existsSync(program)) {
	console.error("bench: expected dist/nodebuild.js: run `npm run build` first");
	process.exit(1);
}
withoutExtraCertificates();
try {
	mkdirSync(folder, { recursive: true });
	const nodebuild = await sources(["context/index.ts", "layers/store.ts", "digest.ts"], folder);
	const scanned = await benchScan(nodebuild);
	report(`Context of ${values.files} files`, scanned);
	const unchanged = await benchUnchanged(nodebuild);
	report("Unchanged build", unchanged);
	writeFileSync(values.json, `${JSON.stringify({ machine, scan: scanned, unchanged }, null, 2)}\n`);
} finally {
	remove(folder);
}
