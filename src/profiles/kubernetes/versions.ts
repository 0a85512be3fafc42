/** Versions of Kubernetes and of what goes with it: read, checked and derived with semver, from one table. */
import { parse, type SemVer, satisfies } from "semver";
import { NodebuildError } from "../../errors.ts";
import { SERIES, type Series } from "./releases.ts";

export const CNI_PLUGINS = ["cilium", "calico", "flannel"] as const;
export type CniPlugin = (typeof CNI_PLUGINS)[number];

export interface Release {
	/** "1.34.2" */
	readonly version: string;
	/** "v1.34.2" */
	readonly semver: string;
	/** "v1.34" */
	readonly series: string;
	readonly known: Series;
	/** Nobody has given a version. */
	readonly byDefault?: true;
}

/** For messages: nobody is told of a version that he has not given as if he had. */
export const shownRelease = ({ version, byDefault }: Release): string =>
	byDefault === true ? `${version} (the default: no KUBERNETES_VERSION is given)` : version;

/** @param otherwise where a version was given */
export const hintFor = ({ byDefault }: Release, meant: string, otherwise: string): string =>
	byDefault === true ? `give KUBERNETES_VERSION too, such as ${meant}` : otherwise;

/** The default: the newest patch of the series two before the newest one, as platforms run it. */
export function defaultVersion(): string {
	const row = SERIES[2] ?? SERIES[0];
	return `${row?.series}.${row?.patch}`;
}

/** "1.34.2" of "v1.34": the newest that the table has; the series itself, where it has none. */
export function newestOf(series: string): string {
	const row = SERIES.find((each) => `v${each.series}` === series);
	return row === undefined ? series : `${row.series}.${row.patch}`;
}

function fault(message: string, hint: string): NodebuildError {
	return new NodebuildError({ code: "USAGE", message, hint });
}

const knownSeries = (): string => SERIES.map(({ series, patch }) => `${series} (up to ${series}.${patch})`).join(", ");

/**
 * A full version of a known series, with or without "v".
 * @throws NodebuildError USAGE that says which versions exist.
 */
export function readRelease(text: string, name: string): Release {
	const plain = text.trim().replace(/^v/, "");
	const series = SERIES.find((row) => row.series === plain);
	if (series !== undefined)
		throw fault(
			`expected ${name} to be a full version, got the series ${text}`,
			`the newest one known of it: ${series.series}.${series.patch}`,
		);
	const [, version = "", suffix = ""] = /^(\d+\.\d+\.\d+)([-+~].+)$/.exec(plain) ?? [];
	if (version !== "") throw suffixed(text, name, version, suffix);
	const parsed = parse(plain);
	if (parsed === null)
		throw fault(
			`expected ${name} to be a version such as ${defaultVersion()}, got "${text}"`,
			`known: ${knownSeries()}`,
		);
	const known = SERIES.find((row) => row.series === `${parsed.major}.${parsed.minor}`);
	if (known === undefined) throw unknownRelease(parsed, name);
	return { version: parsed.version, semver: `v${parsed.version}`, series: `v${known.series}`, known };
}

/** The repositories of a series have its releases only: neither what comes before them nor what others make of them. */
function suffixed(text: string, name: string, version: string, suffix: string): NodebuildError {
	if (/^[-~](alpha|beta|rc)/.test(suffix))
		return fault(
			`expected ${name} to be a release, got the pre-release ${text}`,
			`the repositories of a series have nothing but its releases: take ${version} if it is out, or an earlier one`,
		);
	if (suffix.startsWith("-"))
		return fault(
			`expected ${name} to be a version of Kubernetes, got the version of a package, ${text}`,
			`${name}=${version}; a package's version is for kubernetes_deb_version or kubernetes_rpm_version`,
		);
	return fault(
		`expected ${name} to be an upstream release, got ${text}`,
		`take ${version}: what follows is another distribution's`,
	);
}

function unknownRelease(got: SemVer, name: string): NodebuildError {
	return fault(
		`expected ${name} to be of a known series, got ${got.version}`,
		`${meantInsteadOf(got)}known: ${knownSeries()}`,
	);
}

function meantInsteadOf(got: SemVer): string {
	const [newest] = SERIES;
	const oldest = SERIES.at(-1);
	const same = SERIES.find(({ series }) => series === `1.${got.minor}`);
	if (got.major !== 1) return same === undefined ? "" : `did you mean ${same.series}.${same.patch}? `;
	if (newest !== undefined && got.compare(`${newest.series}.0`) > 0)
		return `${newest.series} is the newest that this version of nodebuild knows; `;
	return oldest === undefined ? "" : `${oldest.series} is the oldest; `;
}

/** Known releases newer than the table's patch are possible; a build finds out. */
export function newerThanKnown({ version, known }: Release): boolean {
	return (parse(version)?.patch ?? 0) > known.patch;
}

/** The version that a package's version is of: "1.34.2" of "1.34.2-1.1", "1.34.2-150500.1.1" and "1.34.2-*". */
export function packageRelease(text: string): string | undefined {
	return /^v?(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?)(?:[-~+].*)?$/.exec(text)?.[1];
}

/** @throws NodebuildError USAGE when a package is of another version than the one that is asked for. */
export function requirePackage(text: string, name: string, release: Release): void {
	if (packageRelease(text) === release.version) return;
	throw fault(
		`expected ${name} to be of Kubernetes ${shownRelease(release)}, got "${text}"`,
		hintFor(
			release,
			packageRelease(text) ?? release.version,
			`leave it out, or write it as ${release.version}-1.1 or ${release.version}-*`,
		),
	);
}

/** The version that a package of containerd is of, in semver: "1.7.27" of "1.7.27-1~debian.12~bookworm". */
export function containerdRelease(text: string): string {
	const [, version, stage = ""] = /^v?(\d+\.\d+\.\d+)(?:[-~]((?:alpha|beta|rc)[.\d]*))?(?:[-~+].*)?$/.exec(text) ?? [];
	return version === undefined ? text : `${version}${stage === "" ? "" : `-${stage}`}`;
}

/** @param shown what was given. @throws NodebuildError USAGE with the range. */
export function requireInRange(version: string, range: string, what: string, release: Release, shown = version): void {
	const parsed = parse(version.replace(/^v/, ""));
	// What comes before the first version beyond is beyond as well: 3.0.0-rc.0.
	const strict = range.replace(/<(\d+\.\d+\.\d+)$/, "<$1-0");
	if (parsed !== null && satisfies(parsed, strict, { includePrerelease: true })) return;
	throw fault(
		`expected ${what} to be one that works with Kubernetes ${shownRelease(release)} (${range}), got "${shown}"`,
		"choose one of that range, or another KUBERNETES_VERSION",
	);
}

/** A semver range of the table, as lower bound and the first version beyond, for scripts. */
export function boundsOf(range: string): { readonly from: string; readonly before: string } {
	const match = /^>=(\S+) <(\S+)$/.exec(range);
	return { from: match?.[1] ?? "0.0.0", before: match?.[2] ?? "9999.0.0" };
}

export interface Components {
	readonly kubeadm: Release;
	readonly kubelet: Release;
	readonly kubectl: Release;
}

/**
 * kubernetes.io/releases/version-skew-policy: the kubelet is not newer than the control plane (whose version kubeadm gives
 * it), and at most three minor versions older, two before 1.28; kubectl is within one minor version of it.
 * @throws NodebuildError USAGE naming the rule.
 */
export function requireSkew({ kubeadm, kubelet, kubectl }: Components): void {
	const control = parse(kubeadm.version);
	const node = parse(kubelet.version);
	const client = parse(kubectl.version);
	if (control === null || node === null || client === null) return;
	const oldest = control.minor >= 28 ? 3 : 2;
	if (node.compare(control) > 0 && node.minor !== control.minor)
		throw fault(
			`expected the kubelet not to be newer than the control plane ${shownRelease(kubeadm)}, got ${node.version}`,
			hintFor(kubeadm, node.version, "the kubelet may be older than kube-apiserver, never newer"),
		);
	if (node.major !== control.major || control.minor - node.minor > oldest)
		throw fault(
			`expected the kubelet to be at most ${oldest} minor versions older than ${shownRelease(kubeadm)}, got ${node.version}`,
			hintFor(kubeadm, node.version, `take ${control.major}.${control.minor - oldest} or newer`),
		);
	if (client.major !== control.major || Math.abs(client.minor - control.minor) > 1)
		throw fault(
			`expected kubectl to be within one minor version of ${shownRelease(kubeadm)}, got ${client.version}`,
			hintFor(
				kubeadm,
				client.version,
				`take a version from ${control.major}.${control.minor - 1} to ${control.major}.${control.minor + 1}`,
			),
		);
}
