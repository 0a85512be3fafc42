/**
 * Everything CI checks, in order: format, lint, types, build, unit, conformance and end-to-end tests. Goes on after a
 * failure, so that one run shows all of them. The closing line is the sum: `N passed, N failed`.
 *
 *   node scripts/test.mjs [STAGE...]      only these stages
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sum, tallyCheck, tallyTests } from "./tally.mjs";

/** @typedef {{ name: string; command: readonly string[]; tests?: boolean }} Stage */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules/.bin");
const reports = mkdtempSync(join(tmpdir(), "nodebuild-test-"));

/** @param {string} project @returns {Stage} */
function tests(project) {
	const report = ["--reporter=default", "--reporter=json", `--outputFile.json=${join(reports, `${project}.json`)}`];
	return { name: project, command: [join(bin, "vitest"), "run", "--project", project, ...report], tests: true };
}

/** @type {readonly Stage[]} */
const STAGES = [
	{ name: "format", command: [join(bin, "biome"), "format", "."] },
	{ name: "lint", command: [process.execPath, "scripts/lint.mjs"] },
	{ name: "typecheck", command: [join(bin, "tsc"), "--noEmit"] },
	{ name: "build", command: [process.execPath, "scripts/build.mjs"] },
	tests("unit"),
	tests("conformance"),
	tests("e2e"),
];

/** @param {string} project */
function readReport(project) {
	const file = join(reports, `${project}.json`);
	return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** @param {Stage} stage */
function runStage(stage) {
	console.log(`\n=== ${stage.name}`);
	const started = performance.now();
	const [file = "", ...args] = stage.command;
	const { status, signal } = spawnSync(file, args, { cwd: root, stdio: "inherit" });
	const tally = stage.tests === true ? tallyTests(status, readReport(stage.name)) : tallyCheck(status);
	const seconds = ((performance.now() - started) / 1000).toFixed(1);
	const note = tally.note === undefined ? "" : ` (${tally.note})`;
	const summary = `${stage.name}: ${tally.passed} passed, ${tally.failed} failed${note} in ${seconds} s`;
	console.log(`=== ${summary}`);
	return { tally, summary, interrupted: signal === "SIGINT" || status === 128 + constants.signals.SIGINT };
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !STAGES.some((stage) => stage.name === name));
if (unknown.length > 0) {
	console.error(
		`test: expected stages out of ${STAGES.map((stage) => stage.name).join(", ")}, got ${unknown.join(", ")}`,
	);
	process.exit(2);
}

// Ctrl-C reaches the stage that runs; this process lives on to close the account.
process.on("SIGINT", () => undefined);

const results = [];
for (const stage of STAGES.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
	const result = runStage(stage);
	results.push(result);
	if (result.interrupted) break;
}
rmSync(reports, { recursive: true, force: true });

console.log(`\n${results.map(({ summary }) => summary).join("\n")}`);
const total = sum(results.map(({ tally }) => tally));
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
