/** What a machine of each role is for, what it needs, and which images lie in it. */
import { type Cni, cniImages } from "./cni-images.ts";

export const ROLES = ["worker", "control-plane", "combined"] as const;
export type Role = (typeof ROLES)[number];

const GIB = 2 ** 30;

export const ROLE: Readonly<Record<Role, { readonly diskSize: number; readonly purpose: string }>> = {
	worker: { diskSize: 40 * GIB, purpose: "Kubernetes Worker" },
	"control-plane": { diskSize: 20 * GIB, purpose: "Kubernetes Control Plane" },
	combined: { diskSize: 40 * GIB, purpose: "Kubernetes Control Plane and Worker" },
};

/** Undefined or empty: no such image is pulled. */
export interface ImageChoice {
	readonly cni?: Cni;
	readonly metricsServer: string;
	readonly cloudController: string;
	readonly autoscaler: string;
	readonly additional: readonly string[];
}

/** Images that `kubeadm config images list` gives and a machine without a control plane does not need. */
export const CONTROL_PLANE_IMAGES = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"];

/** Images of a role beside those that kubeadm lists. */
export function imagesOf(role: Role, choice: ImageChoice): readonly string[] {
	const plane = role !== "worker";
	const work = role !== "control-plane";
	return [
		...(choice.cni === undefined ? [] : cniImages(choice.cni)),
		...(choice.metricsServer === "" ? [] : [`registry.k8s.io/metrics-server/metrics-server:${choice.metricsServer}`]),
		...(plane && choice.cloudController !== "" ? [choice.cloudController] : []),
		...(work && choice.autoscaler !== "" ? [choice.autoscaler] : []),
		...choice.additional,
	];
}
