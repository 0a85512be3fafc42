/** NoCloud seeds as a platform gives them to the machines of a cluster. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../k8s-mirror/run.mjs";

/** @typedef {{ name: string, address: string, mac: string, pods: string }} Node `pods`: subnet of the node's pods */

const NETWORK = "10.10.0.0/24";

/** A static address; the gateway is only a name for "elsewhere": nobody has that address. @param {Node} node @param {readonly Node[]} others */
function networkConfig({ mac, address }, others) {
	const routes = others.map(({ pods, address: via }) => ({ to: pods, via }));
	return JSON.stringify({
		version: 2,
		ethernets: {
			lan: {
				match: { macaddress: mac },
				addresses: [`${address}/${NETWORK.split("/")[1]}`],
				routes: [{ to: "0.0.0.0/0", via: "10.10.0.1" }, ...routes],
			},
		},
	});
}

/** Pods of a node share a bridge; routes between the nodes are in their network configuration. @param {Node} node */
function cni({ pods }) {
	return JSON.stringify({
		cniVersion: "0.4.0",
		name: "pods",
		plugins: [
			{
				type: "bridge",
				bridge: "cni0",
				isGateway: true,
				ipMasq: false,
				ipam: { type: "host-local", ranges: [[{ subnet: pods }]], routes: [{ dst: "0.0.0.0/0" }] },
			},
			{ type: "portmap", capabilities: { portMappings: true } },
		],
	});
}

/** Where kubeadm finds what it changes in the control plane's pods. */
export const PATCHES = "/etc/kubernetes/patches";

/**
 * Without KVM an API server answers after seconds: kubelet would kill it, and all that ask it, by probes made for a second.
 * @returns {Readonly<Record<string, string>>} files of `kubeadm init --experimental-patches`
 */
export function patientProbes() {
	const probe = { timeoutSeconds: 120, failureThreshold: 60 };
	const names = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
	return Object.fromEntries(
		names.map((name) => [
			`${PATCHES}/${name}+strategic.json`,
			JSON.stringify({ spec: { containers: [{ name, livenessProbe: probe, startupProbe: probe }] } }),
		]),
	);
}

/**
 * Of the one control plane nobody else can be the leader, so the leases, which are lost where an answer takes ten seconds,
 * and their holders with them, are left out.
 * @param {Node} node @param {string} version
 */
export function kubeadmConfig({ address }, version) {
	return `apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: ${address}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: v${version}
networking:
  podSubnet: 10.244.0.0/16
apiServer:
  timeoutForControlPlane: 20m0s
controllerManager:
  extraArgs:
    leader-elect: "false"
scheduler:
  extraArgs:
    leader-elect: "false"
etcd:
  local:
    extraArgs:
      heartbeat-interval: "1000"
      election-timeout: "10000"
`;
}

/**
 * @param {string} folder @param {Node} node @param {readonly Node[]} others
 * @param {{ files: Readonly<Record<string, string>>, command: string }} content `command`: what makes it a node
 */
export function writeSeed(folder, node, others, { files, command }) {
	const write_files = Object.entries({ ...files, "/etc/cni/net.d/10-pods.conflist": cni(node) }).map(
		([path, content]) => ({
			path,
			content,
			permissions: "0600",
		}),
	);
	// JSON is YAML.
	const user = { write_files, runcmd: [["systemctl", "enable", "kubelet"], command] };
	const texts = {
		"user-data": `#cloud-config\n${JSON.stringify(user)}\n`,
		"meta-data": `${JSON.stringify({ "instance-id": `${node.name}-${Date.now()}`, "local-hostname": node.name })}\n`,
		"network-config": `${networkConfig(node, others)}\n`,
	};
	const image = join(folder, `${node.name}.seed`);
	run("mformat", ["-C", "-i", image, "-v", "CIDATA", "-f", "1440", "::"]);
	for (const [name, text] of Object.entries(texts)) {
		const file = join(folder, `${node.name}.${name}`);
		writeFileSync(file, text, { mode: 0o600 });
		run("mcopy", ["-i", image, file, `::${name}`]);
	}
	return image;
}

/**
 * A ConfigDrive (OpenStack's layout, volume label "config-2"), as Nova writes it on a FAT volume.
 * @param {string} folder @param {{ name: string, address: string, mac: string }} node
 */
export function writeConfigDrive(folder, { name, address, mac }) {
	const image = join(folder, `${name}.config-drive`);
	const meta = { uuid: `${name}-${Date.now()}`, hostname: name, name };
	const network = {
		links: [{ id: "lan", type: "phy", ethernet_mac_address: mac }],
		networks: [{ id: "n0", link: "lan", type: "ipv4", ip_address: address, netmask: "255.255.255.0", routes: [] }],
		services: [],
	};
	const user = { write_files: [{ path: "/etc/from-config-drive", content: "written by cloud-init\n" }] };
	const texts = {
		"meta_data.json": JSON.stringify(meta),
		"network_data.json": JSON.stringify(network),
		user_data: `#cloud-config\n${JSON.stringify(user)}\n`,
	};
	run("mformat", ["-C", "-i", image, "-v", "config-2", "-f", "1440", "::"]);
	for (const one of ["::openstack", "::openstack/latest"]) run("mmd", ["-i", image, one]);
	for (const [file, text] of Object.entries(texts)) {
		const path = join(folder, `${name}.${file}`);
		writeFileSync(path, text, { mode: 0o600 });
		run("mcopy", ["-i", image, path, `::openstack/latest/${file}`]);
	}
	return image;
}
