/**
 * What V8 makes of dist/cli.js, kept beside it for scripts/launcher.cjs.
 *
 *   node scripts/code-cache.mjs FOLDER
 *
 * V8 compiles a function when it is first called, and keeps what it has compiled so far: so the program is run first, in
 * this process, where it plans a small project, and loads what a build needs on its way to the first command.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Script } from "node:vm";

const dist = resolve(process.argv[2] ?? "dist");
const filename = join(dist, "cli.js");
const require = createRequire(filename);
const script = new Script(readFileSync(filename, "latin1"), { filename });

/** Run the command. @param {readonly string[]} args @returns {Promise<{ status: unknown, late: () => Promise<unknown> }>} */
function runOnce(args) {
	process.argv = [process.execPath, filename, ...args];
	return new Promise((done) => {
		const { exit } = process;
		const module = { exports: /** @type {any} */ ({}) };
		process.exit = /** @type {typeof exit} */ (
			/** @param {unknown} status */ (status) => {
				process.exit = exit;
				done({ status, late: module.exports.late });
			}
		);
		script.runInThisContext()(require, module, filename, dist);
	});
}

const folder = mkdtempSync(join(tmpdir(), "nodebuild-code-"));
try {
	mkdirSync(join(folder, "files"));
	for (const name of ["a", "b"]) writeFileSync(join(folder, "files", name), name);
	writeFileSync(
		join(folder, "Nodefile"),
		'FROM debian:12\nARG A=1\nENV B=$A\nWORKDIR /srv\nCOPY files .\nRUN echo "$B"\nLABEL c=d\n',
	);
	process.chdir(folder);
	for (const name of Object.keys(process.env)) if (name.startsWith("NODEBUILD_")) delete process.env[name];
	process.env.NODEBUILD_HOME = join(folder, "store");
	// Twice: what is found in the cache of the context is other code than what is read.
	for (const _ of [1, 2]) {
		const { status, late } = await runOnce(["plan", "."]);
		if (status !== 0) throw new Error(`expected nodebuild plan to end with 0, got ${status}`);
		await late();
	}
	writeFileSync(`${filename}.cache`, script.createCachedData());
} finally {
	process.chdir("/");
	rmSync(folder, { recursive: true, force: true });
}
