/** What npm publishes: packed from a tree that was never compiled, installed elsewhere, run from there. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Script } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);

/** Folders of a working copy that no clone has. */
const NOT_CLONED = new Set(["node_modules", "dist", ".git", ".cache"]);

let temp: string;
let packed: readonly string[];
let prefix: string;
let version: string;

/** npm reports on its own business only, and runs the life-cycle scripts whatever this machine's configuration says. */
function npm(args: readonly string[], cwd: string) {
	const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts=false"];
	return run("npm", [...args, ...quiet], { cwd, maxBuffer: 1 << 26 });
}

/** The installed command, in an empty folder and with an empty store. */
async function nodebuild(...args: string[]) {
	const cwd = join(temp, "elsewhere");
	await mkdir(cwd, { recursive: true });
	const env = { ...process.env, NODEBUILD_HOME: join(temp, "store"), NO_COLOR: "1" };
	return run(join(prefix, "bin/nodebuild"), args, { cwd, env });
}

beforeAll(async () => {
	temp = await mkdtemp(join(tmpdir(), "nodebuild-package-"));
	const clone = join(temp, "clone");
	await cp(".", clone, { recursive: true, filter: (path) => !NOT_CLONED.has(path) });
	await symlink(resolve("node_modules"), join(clone, "node_modules"));
	version = JSON.parse(await readFile("package.json", "utf8")).version;

	const { stdout } = await npm(["pack", "--json", "--pack-destination", temp], clone);
	// Before the JSON, npm prints what the prepack script says.
	const [report] = JSON.parse(stdout.slice(stdout.search(/^\[$/m)));
	packed = report.files.map((file: { path: string }) => file.path);

	prefix = join(temp, "prefix");
	await npm(["install", "--global", "--prefix", prefix, "--prefer-offline", join(temp, report.filename)], temp);
});
afterAll(() => rm(temp, { recursive: true, force: true }));

describe("the package", () => {
	it("has the program, compiled when it was packed", () => {
		for (const file of ["nodebuild.js", "cli.js", "package.json"]) expect(packed).toContain(`dist/${file}`);
		expect(packed).toContain("dist/THIRD_PARTY_LICENSES.txt");
	});

	it("has what V8 made of the program, as this node takes it", async () => {
		const file = join(prefix, "lib/node_modules/nodebuild/dist/cli.js");
		const [source, cachedData] = await Promise.all([readFile(file, "latin1"), readFile(`${file}.cache`)]);
		expect(new Script(source, { cachedData }).cachedDataRejected).toBe(false);
	});

	it("has what the program reads beside itself, and the documents", () => {
		expect(packed).toEqual(expect.arrayContaining(["base-map.json", "base-map.schema.json", "package.json"]));
		expect(packed).toEqual(expect.arrayContaining(["LICENSE", "README.md", "CHANGELOG.md", "docs/nodefile.md"]));
		expect(packed).toContain("examples/web/Nodefile");
	});

	it("has no sources, tests or leftovers", () => {
		expect(packed.filter((path) => /^(src|test|scripts|bench|node_modules|\.)/.test(path))).toEqual([]);
	});

	it("brings no other package along", async () => {
		expect(await readdir(join(prefix, "lib/node_modules"))).toEqual(["nodebuild"]);
		expect(await readdir(join(prefix, "lib/node_modules/nodebuild"))).not.toContain("node_modules");
	});
});

describe("the installed command", () => {
	it("is executable and knows its version", async () => {
		expect((await stat(join(prefix, "bin/nodebuild"))).mode & 0o111).not.toBe(0);
		expect((await nodebuild("--version")).stdout.trim()).toContain(version);
	});

	it("explains itself", async () => {
		expect((await nodebuild("--help")).stdout).toContain("Usage: nodebuild");
	});

	it("finds its map of bases", async () => {
		expect((await nodebuild("bases")).stdout).toMatch(/debian/);
	});
});
