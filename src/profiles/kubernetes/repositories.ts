/** Where the packages come from: upstream's repositories, each of one series, or the user's own. */
import { NodebuildError } from "../../errors.ts";
import type { Values } from "./variables.ts";
import { type Components, hintFor, newestOf, type Release, shownRelease } from "./versions.ts";

/** Where upstream has its packages; series before 1.24 are not there. */
const UPSTREAM = "https://pkgs.k8s.io/core:/stable:";
const FIRST_PUBLISHED = 24;

/** Upstream's until 2024; what is written down of them is still read. */
const GONE = /^https?:\/\/(apt\.kubernetes\.io|packages\.cloud\.google\.com)\//;

const isPublished = ({ known }: Release): boolean => Number(known.series.split(".")[1]) >= FIRST_PUBLISHED;

const upstream = (release: Release, format: "deb" | "rpm"): string =>
	isPublished(release) ? `${UPSTREAM}/${release.series}/${format}/` : "";

const isUpstream = (address: string): boolean => address.startsWith("https://pkgs.k8s.io/");

/**
 * Build arguments with repositories and keys.
 * @throws NodebuildError USAGE for upstream's repository of another series, and for components that no repository has
 */
export function repositoriesOf(values: Values, components: Components): Readonly<Record<string, string>> {
	const { kubeadm } = components;
	const deb = values.kubernetes_deb_repo || upstream(kubeadm, "deb");
	const rpm = values.kubernetes_rpm_repo || upstream(kubeadm, "rpm");
	requireSeries(deb, "kubernetes_deb_repo", kubeadm);
	requireSeries(rpm, "kubernetes_rpm_repo", kubeadm);
	const debKey = values.kubernetes_deb_gpg_key || keyOf(deb, "Release.key");
	if (values.disable_public_repos !== true) {
		if (debKey !== "") requireOwnName(values, "kubernetes.list", "kubernetes_deb_repo");
		if (rpm !== "") requireOwnName(values, "kubernetes.repo", "kubernetes_rpm_repo");
	}
	const others = [components.kubelet, components.kubectl].filter(({ series }) => series !== kubeadm.series);
	const brought = (values.extra_repos ?? []).length > 0;
	const own = [deb, rpm].some((address) => address !== "" && !isUpstream(address));
	if (!brought && !own) for (const release of others) requirePublished(release, components);
	const added = others.filter(isPublished).map(({ series }) => series);
	return {
		kubernetes_deb_repo: deb,
		kubernetes_rpm_repo: rpm,
		kubernetes_deb_gpg_key: debKey,
		kubernetes_rpm_gpg_key: values.kubernetes_rpm_gpg_key || keyOf(rpm, "repodata/repomd.xml.key"),
		kubernetes_other_series: isUpstream(deb) || isUpstream(rpm) ? [...new Set(added)].join(" ") : "",
	};
}

/** Upstream's repositories have their key beside the packages; one's own says where it is, or has none. */
function keyOf(repository: string, name: string): string {
	return isUpstream(repository) ? `${repository.replace(/\/?$/, "/")}${name}` : "";
}

/** The build writes a file for its own repository beside those of extra_repos. */
function requireOwnName({ extra_repos = [] }: Values, taken: string, by: string): void {
	const path = extra_repos.find((each) => each.endsWith(`/${taken}`));
	if (path === undefined) return;
	throw new NodebuildError({
		code: "USAGE",
		message: `expected files of extra_repos to have other names than ${taken}, which is that of ${by}, got ${path}`,
		hint: "give the file another name, or say disable_public_repos=true, so that only extra_repos count",
	});
}

function requireSeries(address: string, name: string, release: Release): void {
	const { series } = release;
	const [, got] = /^https:\/\/pkgs\.k8s\.io\/core:\/\w+:\/(v\d+\.\d+)\//.exec(address) ?? [];
	if (got === undefined || got === series) return;
	throw new NodebuildError({
		code: "USAGE",
		message: `expected ${name} to be of the series ${series}, which ${shownRelease(release)} is of, got ${address}`,
		hint: hintFor(release, newestOf(got), "leave it out: it follows from the version"),
	});
}

function requirePublished(release: Release, { kubelet }: Components): void {
	if (isPublished(release)) return;
	const name = release === kubelet ? "KUBELET_VERSION" : "KUBECTL_VERSION";
	throw new NodebuildError({
		code: "USAGE",
		message: `expected ${name} to be of a series that pkgs.k8s.io has, 1.${FIRST_PUBLISHED} or newer, got ${release.version}`,
		hint: "name a repository that has it with extra_repos, or with kubernetes_deb_repo or kubernetes_rpm_repo",
	});
}

/** Roles that are run before Kubernetes is installed: they may bring a repository. */
const EARLY_ROLES = ["firstboot_custom_roles_pre", "firstboot_custom_roles_post", "node_custom_roles_pre"] as const;

/**
 * Nodefile.node, or one that takes the same, has to find packages on some family. Which one its base is of is told by the
 * machine only.
 * @param args what repositoriesOf says
 * @throws NodebuildError USAGE where no family has a repository
 */
export function requireRepository(
	values: Values,
	release: Release,
	args: Readonly<Record<string, string>>,
	declared: readonly string[],
): void {
	if (!["kubernetes_deb_repo", "kubernetes_rpm_repo"].some((name) => declared.includes(name))) return;
	const brought = (values.extra_repos ?? []).length > 0 || EARLY_ROLES.some((name) => (values[name] ?? "") !== "");
	// That leaves the machine without any repository is warned of: a base may have all that it needs.
	if (brought || values.disable_public_repos === true) return;
	const deb = args.kubernetes_deb_repo !== "" && args.kubernetes_deb_gpg_key !== "";
	if (deb || args.kubernetes_rpm_repo !== "") return;
	const keyless = args.kubernetes_deb_repo !== "";
	throw new NodebuildError({
		code: "USAGE",
		message: keyless
			? `expected kubernetes_deb_repo to come with kubernetes_deb_gpg_key, got ${args.kubernetes_deb_repo} without`
			: `expected KUBERNETES_VERSION to be of a series that pkgs.k8s.io has, 1.${FIRST_PUBLISHED} or newer, got ${release.version}`,
		hint: keyless
			? "name its key, or the repository in a file of extra_repos"
			: "name a repository that has it with extra_repos, or with kubernetes_deb_repo and kubernetes_deb_gpg_key, or with kubernetes_rpm_repo",
	});
}

/** Repositories of one's own that the build does not add to the machine. */
export function unusedRepositories(values: Values): readonly string[] {
	const isOwn = (address = ""): boolean => address !== "" && !isUpstream(address) && !GONE.test(address);
	if (values.disable_public_repos === true)
		return (["kubernetes_deb_repo", "kubernetes_rpm_repo"] as const)
			.filter((name) => isOwn(values[name]))
			.map((name) => `${name} is not used with disable_public_repos: name the repository in a file of extra_repos`);
	return isOwn(values.kubernetes_deb_repo) && !values.kubernetes_deb_gpg_key && (values.extra_repos ?? []).length === 0
		? [
				"kubernetes_deb_repo is not used without kubernetes_deb_gpg_key: a machine of the Debian family has no repository with Kubernetes",
			]
		: [];
}

/** Of repositories that are there no more; nobody is told of the one that he has not written. */
export function goneRepositories(values: Values): readonly string[] {
	return (["kubernetes_deb_repo", "kubernetes_rpm_repo"] as const).flatMap((name) => {
		const [, host] = GONE.exec(values[name] ?? "") ?? [];
		if (host === undefined || values.disable_public_repos === true) return [];
		return [
			`${name} is at ${host}, which is there no more since 2024: name a mirror, or extra_repos with disable_public_repos`,
		];
	});
}
