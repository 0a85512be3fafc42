/** Images of network plugins, as the manifest of each version names them: other names for the same are pulled again later. */
import { compare } from "semver";
import type { CniPlugin } from "./versions.ts";

export interface Cni {
	readonly plugin: CniPlugin;
	readonly version: string;
}

interface FlannelRow {
	/** First version. */
	readonly from: string;
	/** Of the images flannel and flannel-cni-plugin. */
	readonly prefix: string;
	readonly plugin: string;
}

const HUB = "docker.io/flannel/";
const GITHUB = "ghcr.io/flannel-io/";

/** By kube-flannel.yml of the releases, newest first; between those that are known, the older one's plugin is taken. */
const FLANNEL: readonly FlannelRow[] = [
	{ from: "0.28.9", prefix: GITHUB, plugin: "v1.9.1-flannel3" },
	{ from: "0.28.4", prefix: GITHUB, plugin: "v1.9.1-flannel1" },
	{ from: "0.28.1", prefix: GITHUB, plugin: "v1.9.0-flannel1" },
	{ from: "0.27.4", prefix: GITHUB, plugin: "v1.8.0-flannel1" },
	{ from: "0.27.0", prefix: GITHUB, plugin: "v1.7.1-flannel1" },
	{ from: "0.26.4", prefix: GITHUB, plugin: "v1.6.2-flannel1" },
	{ from: "0.26.2", prefix: HUB, plugin: "v1.6.0-flannel1" },
	{ from: "0.25.6", prefix: HUB, plugin: "v1.5.1-flannel2" },
	{ from: "0.25.5", prefix: HUB, plugin: "v1.5.1-flannel1" },
	{ from: "0.25.2", prefix: HUB, plugin: "v1.4.1-flannel1" },
	{ from: "0.24.2", prefix: HUB, plugin: "v1.4.0-flannel1" },
	{ from: "0.22.1", prefix: HUB, plugin: "v1.2.0" },
	{ from: "0.21.0", prefix: HUB, plugin: "v1.1.2" },
	{ from: "0.0.0", prefix: "docker.io/rancher/mirrored-flannelcni-", plugin: "v1.1.0" },
];

/** Calico's manifests name Docker's registry before this version. */
const CALICO_ON_QUAY = "3.30.0";

export function cniImages({ plugin, version }: Cni): readonly string[] {
	switch (plugin) {
		case "cilium":
			return [`quay.io/cilium/cilium:v${version}`, `quay.io/cilium/operator-generic:v${version}`];
		case "calico": {
			const registry = compare(version, CALICO_ON_QUAY) >= 0 ? "quay.io" : "docker.io";
			return ["cni", "node", "kube-controllers"].map((name) => `${registry}/calico/${name}:v${version}`);
		}
		case "flannel":
			return flannelImages(version);
	}
}

function flannelImages(version: string): readonly string[] {
	const row = FLANNEL.find(({ from }) => compare(version, from) >= 0);
	return row === undefined ? [] : [`${row.prefix}flannel:v${version}`, `${row.prefix}flannel-cni-plugin:${row.plugin}`];
}
