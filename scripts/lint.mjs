/**
 * Every lint in turn, all of them even when one has findings: biome, the import directions,
 * the repository's own rules, the published schema.
 */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules/.bin");
const LINTS = [
	[join(bin, "biome"), "lint", "--error-on-warnings", "."],
	[join(bin, "depcruise"), "--config", ".dependency-cruiser.cjs", "src"],
	[process.execPath, "scripts/check-source.mjs"],
	[process.execPath, "scripts/base-map-schema.mjs", "--check"],
];

for (const [file = "", ...args] of LINTS) {
	const { status } = spawnSync(file, args, { cwd: root, stdio: "inherit" });
	if (status !== 0) process.exitCode = 1;
}
