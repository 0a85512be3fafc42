/**
 * The example built, built again unchanged, and built with one more line, each timed.
 *
 *   npm run demo          (works on a copy of examples/web; images and layers stay in your store)
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const example = join(root, "examples/web");
const program = join(root, "dist/nodebuild.js");
if (!existsSync(program) || !existsSync(join(example, "Nodefile"))) {
	console.error("demo: expected the compiled program and examples/web/Nodefile: run `npm run setup` first");
	process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "nodebuild-demo-"));
const nodefile = join(folder, "Nodefile");
/** @type {string[]} */
const lines = [];

/** @param {string} title @param {readonly string[]} args */
function timed(title, args) {
	console.log(`\n### ${title}\n$ nodebuild ${args.join(" ")}`);
	const started = performance.now();
	const { status } = spawnSync(process.execPath, [program, ...args], { cwd: folder, stdio: "inherit" });
	lines.push(`${((performance.now() - started) / 1000).toFixed(2).padStart(8)} s  ${title}`);
	if (status !== 0) throw new Error(`"${title}" ended with status ${status}`);
}

try {
	cpSync(example, folder, { recursive: true });
	timed("build, boot a throwaway copy, show its answer", ["build", "--verify", "-f", nodefile, "-t", "demo"]);
	timed("build again, nothing changed", ["build", "-f", nodefile, "-t", "demo"]);
	// Different each time, so that it is never in the cache.
	appendFileSync(nodefile, `\nRUN echo "built ${new Date().toISOString()}" > /etc/demo\n`);
	timed("build with one more line", ["build", "-f", nodefile, "-t", "demo"]);
} catch (error) {
	console.error(`demo: ${error instanceof Error ? error.message : error}`);
	process.exitCode = 1;
} finally {
	rmSync(folder, { recursive: true, force: true });
	console.log(`\n${lines.join("\n")}`);
}
