/** What follows from the variables that were given: versions, packages, images, labels. */
import { NodebuildError } from "../../errors.ts";
import { repositoriesOf } from "./repositories.ts";
import type { Cni } from "./cni-images.ts";
import { type ImageChoice, ROLE, type Role } from "./roles.ts";
import type { Values } from "./variables.ts";
import {
	boundsOf,
	type Components,
	containerdRelease,
	defaultVersion,
	hintFor,
	newestOf,
	type Release,
	readRelease,
	requireInRange,
	requirePackage,
	requireSkew,
	shownRelease,
} from "./versions.ts";

/** Where it is, whatever registry kubeadm's images come from. */
const AUTOSCALER = "registry.k8s.io/autoscaling/cluster-autoscaler";

const given = (value: string | undefined): string | undefined => (value === "" ? undefined : value);
/** Empty where there is to be none. */
const orNone = (value: string | undefined): string | undefined => (value === "none" ? "" : given(value));

/** The project's images have tags with a "v"; a version without one is meant so. */
const tagOf = (version: string | undefined): string | undefined => version?.replace(/^(?=\d+\.\d+\.\d+)/, "v");

/** KUBERNETES_VERSION, or image-builder's kubernetes_semver; what is said twice has to be said the same. */
export function releaseOf(values: Values): Release {
	const own = given(values.KUBERNETES_VERSION);
	const theirs = given(values.kubernetes_semver);
	const release = firstOf(own, theirs);
	if (own !== undefined && theirs !== undefined && readRelease(theirs, "kubernetes_semver").version !== release.version)
		throw new NodebuildError({
			code: "USAGE",
			message: `expected KUBERNETES_VERSION and kubernetes_semver to be the same, got ${own} and ${theirs}`,
			hint: "give one of them",
		});
	const series = given(values.kubernetes_series)?.replace(/^v?/, "v");
	if (series !== undefined && series !== release.series)
		throw new NodebuildError({
			code: "USAGE",
			message: `expected kubernetes_series to be ${release.series}, the series of ${shownRelease(release)}, got ${series}`,
			hint: hintFor(release, newestOf(series), "leave it out: it follows from the version"),
		});
	return release;
}

function firstOf(own: string | undefined, theirs: string | undefined): Release {
	if (own !== undefined) return readRelease(own, "KUBERNETES_VERSION");
	if (theirs !== undefined) return readRelease(theirs, "kubernetes_semver");
	return { ...readRelease(defaultVersion(), "KUBERNETES_VERSION"), byDefault: true };
}

export function componentsOf(values: Values, kubeadm: Release): Components {
	const kubelet = given(values.KUBELET_VERSION);
	const kubectl = given(values.KUBECTL_VERSION);
	const components = {
		kubeadm,
		kubelet: kubelet === undefined ? kubeadm : readRelease(kubelet, "KUBELET_VERSION"),
		kubectl: kubectl === undefined ? kubeadm : readRelease(kubectl, "KUBECTL_VERSION"),
	};
	requireSkew(components);
	return components;
}

/** Undefined: none. */
export function cniOf(values: Values, release: Release): Cni | undefined {
	const plugin = values.CNI ?? "cilium";
	if (plugin === "none") return undefined;
	const version = (given(values.CNI_VERSION) ?? release.known.cniDefault[plugin]).replace(/^v/, "");
	requireInRange(version, release.known.cni[plugin], `CNI_VERSION, of ${plugin},`, release);
	return { plugin, version };
}

/** Build arguments that say which packages, from where, and what they have to go with. */
export function versionsOf(values: Values, components: Components): Readonly<Record<string, string>> {
	const release = components.kubeadm;
	// With the revision left open: what the repository has decides.
	const deb = given(values.kubernetes_deb_version) ?? `${release.version}-*`;
	const rpm = given(values.kubernetes_rpm_version) ?? `${release.version}-*`;
	requirePackage(deb, "kubernetes_deb_version", release);
	requirePackage(rpm, "kubernetes_rpm_version", release);
	const containerd = given(values.containerd_version);
	if (containerd !== undefined)
		requireInRange(containerdRelease(containerd), release.known.containerd, "containerd_version", release, containerd);
	const { from, before } = boundsOf(release.known.containerd);
	return {
		KUBERNETES_VERSION: release.version,
		kubernetes_semver: release.semver,
		kubernetes_series: release.series,
		kubernetes_deb_version: deb,
		kubernetes_rpm_version: rpm,
		...repositoriesOf(values, components),
		containerd_version: containerd?.replace(/^v/, "") ?? "",
		containerd_from: from,
		containerd_before: before,
	};
}

export function choiceOf(values: Values, release: Release, cni: Cni | undefined): ImageChoice {
	const minor = `${release.series}.0`;
	const cloudController = given(values.CCM_REGISTRY);
	const autoscaler = orNone(values.AUTOSCALER_REGISTRY) ?? AUTOSCALER;
	const additional = additionalOf(values);
	return {
		...(cni === undefined ? {} : { cni }),
		metricsServer: tagOf(orNone(values.METRICS_SERVER_VERSION)) ?? release.known.metricsServer,
		cloudController: cloudController === undefined ? "" : `${cloudController}:${given(values.CCM_VERSION) ?? minor}`,
		autoscaler: autoscaler === "" ? "" : `${autoscaler}:${tagOf(given(values.AUTOSCALER_VERSION)) ?? minor}`,
		additional: additional.images,
	};
}

/** load_additional_components is the master switch; each list has one of its own. */
export function additionalOf(values: Values) {
	const all = values.load_additional_components === true;
	const list = (on: boolean | undefined, text: string | undefined): readonly string[] =>
		all && on === true ? (text ?? "").split(",").filter((item) => item !== "") : [];
	return {
		urls: list(values.additional_url_images, values.additional_url_images_list),
		images: list(values.additional_registry_images, values.additional_registry_images_list),
		executables: list(values.additional_executables, values.additional_executables_list),
	};
}

/** What `nodebuild inspect --catalog` shows. @param cni where its images are in the image */
export function labelsOf(
	role: Role,
	{ kubeadm, kubelet }: Components,
	cni: Cni | undefined,
): Readonly<Record<string, string>> {
	return {
		"io.nodebuild.purpose": ROLE[role].purpose,
		"io.nodebuild.version.kubernetes": kubeadm.version,
		...(kubelet.version === kubeadm.version ? {} : { "io.nodebuild.version.kubelet": kubelet.version }),
		...(cni === undefined ? {} : { [`io.nodebuild.version.${cni.plugin}`]: cni.version }),
	};
}
