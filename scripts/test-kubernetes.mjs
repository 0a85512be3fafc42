/**
 * npm run test:kubernetes: bakes worker, control plane and combined images of two minor versions from an internal mirror,
 * checks each on a booted machine with the suite `kubernetes`, and prints times and sizes. Not part of CI: without KVM it
 * takes most of an hour.
 *
 *   node scripts/test-kubernetes.mjs [--base debian:12]... [--version 1.34.2]... [--mirror FOLDER]
 *
 * The mirror's folder is kept: real 1.20.2 is taken from it once scripts/k8s-mirror/build-kubernetes.sh has built it there.
 */
import { spawn, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROLES = ["worker", "control-plane", "combined"];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
	options: {
		base: { type: "string", multiple: true, default: ["debian:12", "debian:13"] },
		version: { type: "string", multiple: true, default: ["1.33.6", "1.34.2"] },
		mirror: { type: "string", default: join(tmpdir(), "nodebuild-k8s-mirror") },
	},
});

/** Serves until this process ends. @param {string} folder @param {readonly string[]} versions */
function startMirror(folder, versions) {
	const child = spawn(process.execPath, [join(root, "scripts/k8s-mirror/mirror.mjs"), folder, ...versions], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	return new Promise((resolve, reject) => {
		child.on("exit", (status) => reject(new Error(`the mirror ended with ${status}`)));
		child.stdout.on("data", (data) => {
			process.stdout.write(data);
			if (String(data).includes("serving")) resolve(child);
		});
	});
}

/** @param {readonly string[]} args */
function nodebuild(args) {
	const begin = performance.now();
	const { status } = spawnSync(process.execPath, [join(root, "dist/nodebuild.js"), ...args], { stdio: "inherit" });
	return { passed: status === 0, seconds: Math.round((performance.now() - begin) / 1000) };
}

/** Bytes that the image has beyond its base. @param {string} image */
function sizeOf(image) {
	const { stdout } = spawnSync(process.execPath, [join(root, "dist/nodebuild.js"), "inspect", image], {
		encoding: "utf8",
	});
	const { size } = JSON.parse(stdout || "{}");
	return typeof size === "number" ? `${(size / 2 ** 20).toFixed(1)} MiB` : "";
}

const mirror = await startMirror(values.mirror, values.version);
const rows = [];
for (const base of values.base)
	for (const version of values.version)
		for (const role of ROLES) {
			const image = `test-${role}-${base.replace(":", "")}:${version}`;
			const built = nodebuild([
				...["-f", join(root, `nodefiles/Nodefile.${role}`), "-t", image, "--progress", "plain"],
				...["--var-file", join(values.mirror, "vars.json")],
				...["--build-arg", `BASE=${base}`, "--build-arg", `KUBERNETES_VERSION=${version}`],
			]);
			const suite = join(root, "nodefiles/suites/kubernetes.yaml");
			const verified = built.passed ? nodebuild(["verify", image, "--suite", suite]) : { passed: false, seconds: 0 };
			rows.push({
				base,
				version,
				role,
				built: built.seconds,
				verified: verified.seconds,
				size: sizeOf(image),
				passed: verified.passed,
			});
		}
mirror.kill();
console.table(rows);
const failed = rows.filter(({ passed }) => !passed).length;
console.log(`${rows.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
