/** Values that are taken, and of which somebody should hear all the same. */
import { parseImageName } from "../../nodefile/image-name.ts";
import { SERIES } from "./releases.ts";
import { goneRepositories, unusedRepositories } from "./repositories.ts";
import type { Role } from "./roles.ts";
import type { Values } from "./variables.ts";
import { type Components, newerThanKnown, type Release } from "./versions.ts";

function newerReleases({ kubeadm, kubelet, kubectl }: Components): readonly string[] {
	const named = [
		["Kubernetes", kubeadm],
		["the kubelet", kubelet],
		["kubectl", kubectl],
	] as const;
	return named.flatMap(([name, release]) => {
		const told = name !== "Kubernetes" && release.version === kubeadm.version;
		if (told || !newerThanKnown(release)) return [];
		const { series, patch } = release.known;
		return [
			`${name} ${release.version} is newer than ${series}.${patch}, the newest of its series that this version of nodebuild knows`,
		];
	});
}

/** Warnings of values that go with nothing else, or that mean something else than they seem to. */
export function unusual(values: Values, components: Components, role: Role | undefined): readonly string[] {
	return [
		...newerReleases(components),
		...otherPause(values, components.kubeadm),
		...goneRepositories(values),
		...unusedRepositories(values),
		...unusedLists(values),
		...unreadRepositories(values),
		...(role !== undefined && role !== "worker" && values.CCM_VERSION && !values.CCM_REGISTRY
			? ["CCM_VERSION is of no image: CCM_REGISTRY has to name the cloud controller manager's repository"]
			: []),
		...(values.CNI === "none" && values.CNI_VERSION ? ["CNI_VERSION is of no image: CNI is none"] : []),
		...(values.disable_public_repos === true && (values.extra_repos ?? []).length === 0
			? ["disable_public_repos leaves the machine no repository: name some with extra_repos"]
			: []),
		...(values.containerd_config_file !== undefined &&
		values.containerd_config_file !== "" &&
		values.containerd_additional_settings !== undefined &&
		values.containerd_additional_settings !== ""
			? [
					"containerd_config_file replaces nodebuild's configuration, containerd_additional_settings is not used with it",
				]
			: []),
	];
}

/**
 * A sandbox image of another series than kubeadm's, which warns of it. image-builder's own file follows some time after
 * Kubernetes: the one of the series before is nobody's mistake.
 */
function otherPause({ pause_image = "" }: Values, { known, version }: Release): readonly string[] {
	const { name = "", tag } = parseImageName(pause_image) ?? {};
	const before = SERIES[SERIES.indexOf(known) + 1]?.pause;
	if (tag === undefined || !/(^|\/)pause$/.test(name) || tag === known.pause || tag === before) return [];
	return [
		`pause_image is ${pause_image}, but kubeadm ${version} comes with pause ${known.pause}: leave it out, or take that`,
	];
}

/** Files of other names lie there unread. */
function unreadRepositories({ extra_repos = [] }: Values): readonly string[] {
	const unread = extra_repos.filter((path) => !/\.(list|sources|repo)$/.test(path));
	return unread.length === 0
		? []
		: [`extra_repos has ${unread.join(" and ")}: apt reads files named .list or .sources only, dnf .repo`];
}

/** Lists whose switches are off, as they are by default, and images where none is pulled. */
function unusedLists(values: Values): readonly string[] {
	const kinds = ["additional_url_images", "additional_registry_images", "additional_executables"] as const;
	return kinds.flatMap((kind) => {
		const off = (["load_additional_components", kind] as const).filter((name) => values[name] !== true);
		if ((values[`${kind}_list`] ?? "") === "") return [];
		if (off.length === 0)
			return values.PREPULL === false && kind !== "additional_executables"
				? [`${kind}_list has no effect with PREPULL=false, which pulls no images`]
				: [];
		return [`${kind}_list has no effect without ${off.map((name) => `${name}=true`).join(" and ")}`];
	});
}
