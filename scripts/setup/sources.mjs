/** What dist is made from, and whether it still is: a digest of the sources' paths, sizes and times. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const INPUTS = [
	"src",
	"scripts/build.mjs",
	"scripts/code-cache.mjs",
	"scripts/launcher.cjs",
	"scripts/setup",
	"package.json",
	"package-lock.json",
	"tsconfig.json",
	"base-map.json",
];

/** The compiled program, relative to the project's folder. */
export const PROGRAM = "dist/nodebuild.js";

/** Where the stamp of the last compilation lies: outside dist, which is published. */
const STAMP = "node_modules/.nodebuild-build";

/**
 * Digest over path, size and modification time of every source. Reads no contents: a fresh clone differs from any
 * stamp, and an edit changes the time.
 * @param {string} root the project's folder
 */
export function sourcesStamp(root) {
	// Compiled code is of one version of V8.
	const hash = createHash("sha256").update(process.version);
	for (const input of INPUTS) visit(root, input, hash);
	return hash.digest("hex");
}

/**
 * @param {string} root
 * @param {string} path
 * @param {import("node:crypto").Hash} hash
 */
function visit(root, path, hash) {
	const stat = statSync(join(root, path), { throwIfNoEntry: false });
	if (stat === undefined) return;
	if (!stat.isDirectory()) {
		hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
		return;
	}
	for (const name of readdirSync(join(root, path)).sort()) visit(root, `${path}/${name}`, hash);
}

/**
 * Whether the program must be compiled (again). An installed package has no sources and never needs it.
 * @param {string} root
 */
export function needsCompiling(root) {
	if (!existsSync(join(root, "src"))) return false;
	if (!existsSync(join(root, PROGRAM))) return true;
	const stamp = join(root, STAMP);
	return !existsSync(stamp) || readFileSync(stamp, "utf8") !== sourcesStamp(root);
}

/**
 * Remember that dist was made from the sources with this stamp; taken before compiling, so that an edit during it counts.
 * @param {string} root
 * @param {string} stamp
 */
export function rememberCompiled(root, stamp) {
	if (existsSync(join(root, "node_modules"))) writeFileSync(join(root, STAMP), stamp);
}
