/**
 * Variables that say the same thing. The version is told by KUBERNETES_VERSION or kubernetes_semver, and image-builder's
 * files have its series, packages and upstream's repositories beside it. Whoever gives another version over such a file
 * means all of it.
 */
import type { GivenVariable } from "../types.ts";

type Given = ReadonlyMap<string, GivenVariable>;

const LEADERS = ["KUBERNETES_VERSION", "kubernetes_semver"] as const;
const PACKAGES = ["kubernetes_deb_version", "kubernetes_rpm_version"] as const;
const REPOSITORIES = [
	"kubernetes_deb_repo",
	"kubernetes_deb_gpg_key",
	"kubernetes_rpm_repo",
	"kubernetes_rpm_gpg_key",
] as const;
/** What does not name a series is somebody's own, or holds for all. */
const OF_SERIES = /^(?:deb)?https:\/\/pkgs\.k8s\.io\/core:\/\w+:\/v(\d+\.\d+)\//;

/**
 * The last value of each variable, without what the version that counts overrules: it comes from elsewhere with less
 * precedence, and is of another version. What one source says in two ways is left as it is.
 * @param expand fills in other variables
 */
export function lastOf(
	given: readonly GivenVariable[],
	expand: (value: unknown, all: Given) => unknown,
): Map<string, GivenVariable> {
	const last = new Map(given.map((variable) => [variable.name, variable]));
	const rank = new Map(given.map(({ name }, index) => [name, index]));
	const rankOf = (name: string): number => rank.get(name) ?? -1;
	const text = (name: string): string => String(expand(last.get(name)?.value ?? "", last)).replace(/["'\s]/g, "");
	const [leader] = LEADERS.filter((name) => text(name) !== "").sort((a, b) => rankOf(b) - rankOf(a));
	const source = leader === undefined ? undefined : last.get(leader);
	const [, version = "", series = ""] = /^v?((\d+\.\d+)\.\d+)$/.exec(leader === undefined ? "" : text(leader)) ?? [];
	if (leader === undefined || source === undefined || version === "") return last;
	const overruled = (name: string): boolean =>
		text(name) === "" || (rankOf(name) < rankOf(leader) && last.get(name)?.from !== source.from);
	const plain = (name: string): string => text(name).replace(/^v/, "");
	const replace = (name: string, value: string) => last.set(name, { name, value, from: source.from });
	if (overruled("KUBERNETES_VERSION") && plain("KUBERNETES_VERSION") !== version) last.delete("KUBERNETES_VERSION");
	if (overruled("kubernetes_semver") && plain("kubernetes_semver") !== version)
		replace("kubernetes_semver", `v${version}`);
	if (overruled("kubernetes_series") && plain("kubernetes_series") !== series)
		replace("kubernetes_series", `v${series}`);
	for (const name of PACKAGES) if (overruled(name) && !isPackageOf(plain(name), version)) last.delete(name);
	for (const name of REPOSITORIES) {
		const of = OF_SERIES.exec(text(name))?.[1];
		if (overruled(name) && of !== undefined && of !== series) last.delete(name);
	}
	return last;
}

function isPackageOf(text: string, version: string): boolean {
	return text === version || text.startsWith(`${version}-`);
}
