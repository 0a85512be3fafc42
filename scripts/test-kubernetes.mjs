/**
 * npm run test:kubernetes: what docs/kubernetes.md says, on machines. Not part of CI: without KVM it takes most of two hours.
 *
 *   images    worker, control plane and combined images of two minor versions on two systems, from an internal mirror, each
 *             checked on a booted machine with the suite `kubernetes`
 *   changes   what runs again after each kind of change, held against the table of docs/kubernetes.md
 *   rhel      the scripts of the Nodefiles with a real dnf in a container-like root (as root, on Debian or Ubuntu)
 *   knobs     a worker with all other variables, roles and secrets, and a ConfigDrive
 *   proof     a control plane that `kubeadm init` runs on and a worker that joins it, with no network but theirs
 *
 *   node scripts/test-kubernetes.mjs [--only images|changes|rhel|knobs|proof]... [--base debian:12]... [--version 1.20.2]...
 *     [--mirror FOLDER] [--measure] [--with COMMAND]
 *
 * The mirror's folder is kept, with the real 1.20.2 that is built into it once (ten minutes on two free cores). --measure
 * builds a worker after each kind of change, for its time; for numbers, nothing else should run. --with puts a command
 * before each call of nodebuild: "nice -n 5".
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { tryKnobs } from "./k8s-knobs/knobs.mjs";
import { prove } from "./k8s-proof/proof.mjs";

const REAL = "1.20.2";
const ROLES = ["worker", "control-plane", "combined"];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
	options: {
		only: { type: "string", multiple: true, default: ["images", "changes", "rhel", "knobs", "proof"] },
		base: { type: "string", multiple: true, default: ["debian:12", "debian:13"] },
		version: { type: "string", multiple: true, default: [REAL, "1.34.2"] },
		mirror: { type: "string", default: join(tmpdir(), "nodebuild-k8s-mirror") },
		measure: { type: "boolean", default: false },
		with: { type: "string", default: "" },
	},
});
const out = join(values.mirror, "out");
mkdirSync(out, { recursive: true });

/** Serves until this process ends. @param {readonly string[]} versions */
function startMirror(versions) {
	const child = spawn(process.execPath, [join(root, "scripts/k8s-mirror/mirror.mjs"), values.mirror, ...versions], {
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
	const command = [...values.with.split(" "), process.execPath, join(root, "dist/nodebuild.js"), ...args];
	const [program = "", ...rest] = command.filter((word) => word !== "");
	const { status } = spawnSync(program, rest, { stdio: "inherit" });
	return { passed: status === 0, seconds: Math.round((performance.now() - begin) / 1000) };
}

/** @param {string} base @param {string} version @param {string} name of the Nodefile @param {Readonly<Record<string, string>>} change */
function buildArgs(base, version, name, change = {}) {
	const args = { BASE: base, KUBERNETES_VERSION: version, ...change };
	return [
		...["-f", join(root, `nodefiles/Nodefile.${name}`), "--var-file", join(values.mirror, "vars.json")],
		...Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]),
	];
}

/** @param {string} base @param {string} version @param {string} role */
function testImage(base, version, role) {
	const image = `test-${role}-${base.replace(":", "")}:${version}`;
	const args = [...buildArgs(base, version, role), "-t", image, "--progress", "plain"];
	const built = nodebuild(args);
	if (!built.passed) return { base, version, role, passed: false };
	const verified = nodebuild(["verify", image, "--suite", "kubernetes"]);
	// As a platform keeps it.
	const file = join(out, `${image.replace(":", "-")}.qcow2`);
	const written = nodebuild([...args, "-o", `type=qcow2,dest=${file},compress=true,compression=zstd`]);
	const size = written.passed ? `${Math.round(statSync(file).size / 2 ** 20)} MiB` : "";
	rmSync(file, { force: true });
	rmSync(`${file}.sha256`, { force: true });
	const passed = verified.passed && written.passed;
	return { base, version, role, build: built.seconds, verify: verified.seconds, qcow2: size, passed };
}

/** The table of docs/kubernetes.md: a change, and how many steps of the three Nodefiles run again. */
const CHANGES = /** @type {const} */ ([
	["nothing", {}],
	["list of images to pull, CNI, CCM or autoscaler version", { CNI: "flannel" }],
	[
		"`pause_image`, containerd settings",
		{ containerd_additional_settings: Buffer.from("oom_score = -999\n").toString("base64") },
	],
	["Kubernetes patch release, another minor version", { KUBERNETES_VERSION: "1.34.1" }],
	["`containerd_version`", { containerd_version: "1.6.20" }],
	["`extra_debs`", { extra_debs: "tree" }],
	["OS patch (`OS_PATCH=2026-11-21`)", { OS_PATCH: "2026-11-21" }],
]);

/** @param {string} base @param {string} version @param {string} change @param {Readonly<Record<string, string>>} args */
function testChange(base, version, change, args) {
	const line = readFileSync(join(root, "docs/kubernetes.md"), "utf8")
		.split("\n")
		.find((text) => text.startsWith(`| ${change} |`));
	const expected = [...(line ?? "").matchAll(/\| (\d+)/g)].map(([, count]) => Number(count));
	const got = ["base-os", "node", "worker"].map((name) => {
		const command = [join(root, "dist/nodebuild.js"), "plan", ...buildArgs(base, version, name, args)];
		const { stdout } = spawnSync(process.execPath, command, { encoding: "utf8" });
		return /^the image exists/m.test(stdout) ? 0 : Number(/^(\d+) steps? would run/m.exec(stdout)?.[1] ?? Number.NaN);
	});
	const same = got.join() === expected.join();
	const row = { change, "base-os": got[0], node: got[1], role: got[2], passed: same };
	if (!values.measure) return row;
	const built = nodebuild([...buildArgs(base, version, "worker", args), "--progress", "plain"]);
	return { ...row, seconds: built.seconds, passed: same && built.passed };
}

async function proof() {
	const files = ["control-plane", "worker"].map((role) => {
		const file = join(out, `proof-${role}.qcow2`);
		const args = [...buildArgs("debian:12", REAL, role), "--progress", "plain", "-o", `type=qcow2,dest=${file}`];
		return nodebuild(args).passed ? file : undefined;
	});
	const [control, worker] = files;
	if (control === undefined || worker === undefined)
		return [{ seconds: 0, what: "the images are built", passed: false }];
	const steps = await prove({ control, worker, version: REAL });
	for (const file of [control, worker]) for (const one of [file, `${file}.sha256`]) rmSync(one, { force: true });
	return steps.map((step) => ({ ...step, passed: true }));
}

function rhel() {
	const { stdout } = spawnSync("sh", [join(root, "scripts/k8s-rhel/dry-run.sh")], {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "inherit"],
	});
	const told = [...stdout.matchAll(/^(ok|FAILED) +(.+)$/gm)].map(([, word, what = ""]) => ({
		what,
		passed: word === "ok",
	}));
	if (told.some(({ passed }) => !passed)) console.log(stdout);
	return told.length > 0 ? told : [{ what: "the root is made", passed: false }];
}

const built = spawnSync(
	"sh",
	[join(root, "scripts/k8s-mirror/build-kubernetes.sh"), join(values.mirror, "kubernetes")],
	{
		stdio: "inherit",
	},
);
if (built.status !== 0) process.exit(1);
const mirror = await startMirror([...new Set([REAL, ...values.version, "1.34.1"])]);
/** @type {{ passed: boolean }[]} */
const rows = [];
/** @param {string} title @param {{ passed: boolean }[]} some */
const show = (title, some) => {
	console.log(`\n${title}`);
	console.table(some);
	rows.push(...some);
};
const images = values.base.flatMap((base) =>
	values.version.flatMap((version) => ROLES.map((role) => /** @type {const} */ ([base, version, role]))),
);
try {
	if (values.only.includes("images"))
		show(
			"images",
			images.map((image) => testImage(...image)),
		);
	const [base = "", version = ""] = [values.base[0], values.version.at(-1)];
	if (values.only.includes("changes")) {
		nodebuild([...buildArgs(base, version, "worker"), "--progress", "plain"]);
		show(
			"changes",
			CHANGES.map(([change, args]) => testChange(base, version, change, args)),
		);
	}
	if (values.only.includes("rhel")) show("RHEL family", rhel());
	if (values.only.includes("knobs"))
		show(
			"knobs",
			await tryKnobs({
				args: buildArgs("debian:12", "1.34.2", "worker"),
				program: join(values.mirror, "kubernetes/bin/pause"),
				repository: join(values.mirror, "internal.sources"),
			}),
		);
	if (values.only.includes("proof")) show("proof", await proof());
} finally {
	mirror.kill();
}
const failed = rows.filter(({ passed }) => !passed).length;
console.log(`${rows.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
