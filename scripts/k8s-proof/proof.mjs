/**
 * The proof that baked images are Kubernetes nodes: a throwaway machine of a control plane's image, given a NoCloud seed as
 * a platform gives it, runs `kubeadm init`; a machine of a worker's image joins it. They have no network but the one
 * between them, so every image that they start has to be in them.
 *
 *   node scripts/k8s-proof/proof.mjs CONTROL-PLANE.qcow2 WORKER.qcow2 [VERSION]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, Machine } from "./machine.mjs";
import { kubeadmConfig, PATCHES, patientProbes, writeSeed } from "./seed.mjs";

const CONTROL_PLANE = {
	name: "control-plane-1",
	address: "10.10.0.11",
	mac: "52:54:00:6b:38:11",
	pods: "10.244.1.0/24",
};
const WORKER = { name: "worker-1", address: "10.10.0.12", mac: "52:54:00:6b:38:12", pods: "10.244.2.0/24" };
/** Without KVM, on two cores that are not free, all of it is slow; what hangs is found out in the end. */
const LIMIT = 2400;

const CONDITION = '{.status.conditions[?(@.type=="Ready")].status}';
/** @param {string} name */
const readyNode = (name) => `kubectl get node ${name} -o jsonpath='${CONDITION}' | grep -qx True`;

/** @typedef {(what: string) => void} Tell */

/** What is asked of the control plane, in order. @param {Machine} machine @param {string} version @param {Tell} tell */
async function controlPlaneIsUp(machine, version, tell) {
	await machine.ready(LIMIT);
	tell("control plane: booted, the guest agent answers");
	await machine.until("the API server answers", "kubectl get --raw /readyz | grep -qx ok", LIMIT);
	tell("control plane: the API server answers");
	await machine.until(
		"the node registers",
		`kubectl get node ${CONTROL_PLANE.name} -o jsonpath='{.status.nodeInfo.kubeletVersion}' | grep -qx v${version}`,
		LIMIT,
	);
	tell("control plane: its node is registered");
	await machine.settled("kubeadm init ends", LIMIT);
	tell("control plane: kubeadm init has ended well");
}

/** @param {Machine} control @param {Machine} worker @param {string} version @param {Tell} tell */
async function workerJoins(control, worker, version, tell) {
	await worker.ready(LIMIT);
	tell("worker: booted, the guest agent answers");
	await worker.settled("kubeadm join ends", LIMIT);
	tell("worker: kubeadm join has ended well");
	await control.until(
		"the worker's node is registered",
		`kubectl get node ${WORKER.name} -o jsonpath='{.status.nodeInfo.kubeletVersion}' | grep -qx v${version}`,
		LIMIT,
	);
	tell("worker: its node is registered");
	for (const { name } of [CONTROL_PLANE, WORKER]) await control.until(`${name} is ready`, readyNode(name), LIMIT);
	tell("both nodes are ready");
}

/** A pod of an image that is in the worker's, and the cluster's own service from the worker. @param {Machine} control @param {Machine} worker @param {Tell} tell */
async function clusterWorks(control, worker, tell) {
	const pause = (await worker.run("cat /usr/share/nodebuild/kubernetes/pause")).stdout;
	await control.until(
		"a pod is made",
		`kubectl get pod probe || kubectl run probe --image=${pause} --image-pull-policy=Never`,
		LIMIT,
	);
	await control.until(
		"the pod runs",
		"kubectl get pod probe -o jsonpath='{.spec.nodeName} {.status.phase}' | grep -qx 'worker-1 Running'",
		LIMIT,
	);
	tell("a pod runs on the worker");
	await worker.until(
		"kube-proxy serves",
		"curl -fsSk --max-time 10 https://10.96.0.1/version | grep -q gitVersion",
		LIMIT,
	);
	tell("the worker reaches the API server by its service's address");
}

/**
 * @param {{ control: string, worker: string, version: string }} images paths of qcow2 files
 * @returns {Promise<readonly { seconds: number, what: string }[]>}
 */
export async function prove({ control, worker, version }) {
	const folder = mkdtempSync(join(tmpdir(), "nodebuild-proof-"));
	const begin = performance.now();
	/** @type {{ seconds: number, what: string }[]} */
	const steps = [];
	const tell = (/** @type {string} */ what) => {
		const seconds = Math.round((performance.now() - begin) / 1000);
		steps.push({ seconds, what });
		console.log(`${String(seconds).padStart(5)} s  ${what}`);
	};
	/** @type {Machine[]} */
	const machines = [];
	/** @param {import("./seed.mjs").Node} node @param {string} disk @param {string} lan @param {Parameters<typeof writeSeed>[3]} content */
	const start = (node, disk, lan, content) => {
		const others = [CONTROL_PLANE, WORKER].filter(({ name }) => name !== node.name);
		const seed = writeSeed(folder, node, others, content);
		const machine = new Machine(folder, { ...node, disk: resolve(disk), seed, lan, memory: 3072, cpus: 2 });
		machines.push(machine);
		return machine;
	};
	try {
		const port = await freePort();
		const first = start(CONTROL_PLANE, control, `listen=127.0.0.1:${port}`, {
			files: { "/etc/kubernetes/kubeadm.yaml": kubeadmConfig(CONTROL_PLANE, version), ...patientProbes() },
			command: `kubeadm init --config /etc/kubernetes/kubeadm.yaml --experimental-patches ${PATCHES}`,
		});
		await controlPlaneIsUp(first, version, tell);
		const { stdout: command } = await first.run("kubeadm token create --print-join-command");
		// Signed by the controller manager, which may come minutes after kubeadm has ended: a worker that is started before it
		// is given up by kubeadm join, whose patience is five minutes.
		const [, id] = /--token (\w+)/.exec(command) ?? [];
		if (id === undefined) throw new Error(`expected kubeadm's command to have a token, got ${command}`);
		await first.until(
			"the controller manager has signed the token",
			`kubectl -n kube-public get configmap cluster-info -o yaml | grep -q 'jws-kubeconfig-${id}:'`,
			LIMIT,
		);
		tell("control plane: the controller manager works");
		const second = start(WORKER, worker, `connect=127.0.0.1:${port}`, { files: {}, command });
		await workerJoins(first, second, version, tell);
		await clusterWorks(first, second, tell);
		console.log((await first.run("kubectl get nodes,pods -A -o wide")).stdout);
		rmSync(folder, { recursive: true });
		return steps;
	} catch (error) {
		for (const machine of machines) console.error(`--- the last lines of ${machine.name}:\n${machine.tail(60)}`);
		console.error(`consoles and seeds: ${folder}`);
		throw error;
	} finally {
		for (const machine of machines) await machine.stop();
	}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const [control = "", worker = "", version = "1.20.2"] = process.argv.slice(2);
	await prove({ control, worker, version });
}
