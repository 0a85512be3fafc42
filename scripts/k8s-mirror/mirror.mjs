/**
 * An internal mirror for tests of the Kubernetes Nodefiles: a signed apt repository and an OCI registry, on loopback only;
 * guests reach them at 10.0.2.2, the host's address in QEMU's user network.
 *
 *   node scripts/k8s-mirror/mirror.mjs FOLDER [VERSION...]     serves until it is ended; writes FOLDER/vars.json
 *
 * 1.20.2 is real once build-kubernetes.sh has been run into FOLDER/kubernetes; any other version, and 1.20.2 before that,
 * has stand-ins of the right names and versions, and says so.
 */
import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, openSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { pushImage } from "./images.mjs";
import { buildRepository, commonPackages, kubernetesPackages } from "./packages.mjs";
import { run } from "./run.mjs";
import { SERIES } from "./series.mjs";
import { imageTree, programPath, unpack } from "./trees.mjs";

const REAL = "1.20.2";
const WEB = 5051;
const REGISTRY = 5052;
const GUEST = "10.0.2.2";

/** @param {string} work @param {string} root */
async function startRegistry(work, root) {
	const config = join(work, "registry.json");
	writeFileSync(
		config,
		JSON.stringify({
			version: 0.1,
			log: { level: "error", accesslog: { disabled: true } },
			storage: { filesystem: { rootdirectory: join(work, "registry") } },
			http: { addr: `127.0.0.1:${REGISTRY}` },
		}),
	);
	const child = spawn(join(root, "usr/bin/docker-registry"), ["serve", config], {
		stdio: ["ignore", "ignore", openSync(join(work, "registry.log"), "w")],
	});
	process.on("exit", () => child.kill());
	for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
	for (;;) {
		if (child.exitCode !== null) throw new Error(`docker-registry ended, see ${work}/registry.log`);
		if (
			await fetch(`http://127.0.0.1:${REGISTRY}/v2/`).then(
				(answer) => answer.ok,
				() => false,
			)
		)
			return;
		await sleep(100);
	}
}

/** @param {string} folder */
function startWeb(folder) {
	const server = createServer((request, response) => {
		const path = join(folder, normalize(decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname)));
		const stat = path.startsWith(folder) ? statSync(path, { throwIfNoEntry: false }) : undefined;
		if (stat === undefined || !stat.isFile()) return response.writeHead(404).end();
		response.writeHead(200, { "content-length": stat.size, "last-modified": stat.mtime.toUTCString() });
		return request.method === "HEAD" ? response.end() : createReadStream(path).pipe(response);
	});
	server.listen(WEB, "127.0.0.1");
}

/** @param {string} version @param {string | undefined} bin @param {string} etcd @param {string} standIn */
async function pushImages(version, bin, etcd, standIn) {
	const row = rowOf(version);
	const push = async (
		/** @type {string} */ repository,
		/** @type {string} */ tag,
		/** @type {string} */ from = standIn,
	) => {
		const name = repository.split("/").at(-1) ?? "";
		const tree = imageTree(work, { name, version, from, real: from !== standIn });
		await pushImage(`http://127.0.0.1:${REGISTRY}`, { repository, tag, tree, program: programPath(name) });
	};
	for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"])
		await push(name, `v${version}`, bin === undefined ? standIn : join(bin, name));
	await push("pause", row.pause);
	await push("etcd", row.etcd, bin === undefined ? standIn : etcd);
	await push(version === REAL ? "coredns" : "coredns/coredns", row.coredns);
	const { cilium, calico, flannel } = row.cniDefault;
	for (const name of ["cilium", "operator-generic"]) await push(`cilium/${name}`, `v${cilium}`);
	for (const name of ["cni", "node", "kube-controllers"]) await push(`calico/${name}`, `v${calico}`);
	await push("flannel-io/flannel", `v${flannel}`);
	await push("flannel-io/flannel-cni-plugin", "v1.8.0-flannel1");
	await push("metrics-server/metrics-server", row.metricsServer);
	await push("autoscaling/cluster-autoscaler", `v${row.series}.0`);
}

/** @param {string} version */
function rowOf(version) {
	const row = SERIES.find(({ series }) => version.startsWith(`${series}.`));
	if (row === undefined) throw new Error(`no series is known for ${version}`);
	return row;
}

const [folder = "", ...asked] = process.argv.slice(2);
const work = resolve(folder);
const versions = asked.length > 0 ? asked : [REAL, "1.33.6", "1.34.2"];
mkdirSync(work, { recursive: true });
const root = unpack(work, join(work, "root"), ["docker-registry", "containernetworking-plugins", "etcd-server"]);
const real = join(work, "kubernetes/bin");
const binOf = (/** @type {string} */ version) =>
	version === REAL && existsSync(join(real, ".complete")) ? real : undefined;
const source = join(work, "stand-in.c");
const standIn = existsSync(join(real, "pause")) ? join(real, "pause") : join(work, "stand-in");
if (!existsSync(standIn)) {
	writeFileSync(source, "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n");
	run("cc", ["-Os", "-static", "-o", standIn, source]);
}
const packages = versions.flatMap((version) => kubernetesPackages(version, binOf(version), rowOf(version)));
buildRepository([...packages, ...commonPackages(join(root, "usr/lib/cni"))], work, `http://${GUEST}:${WEB}`);
startWeb(join(work, "www"));
await startRegistry(work, root);
for (const version of versions) {
	await pushImages(version, binOf(version), join(root, "usr/bin/etcd"), standIn);
	console.log(`${version}: ${binOf(version) === undefined ? "stand-ins" : "real"}`);
}
writeFileSync(
	join(work, "vars.json"),
	`${JSON.stringify({ extra_repos: join(work, "internal.sources"), remove_extra_repos: true, PREPULL_MIRROR: `http://${GUEST}:${REGISTRY}`, kubernetes_deb_repo: `http://${GUEST}:${WEB}/deb/`, kubernetes_deb_gpg_key: null }, undefined, 2)}\n`,
);
console.log(`serving; build with --var-file ${join(work, "vars.json")}`);
