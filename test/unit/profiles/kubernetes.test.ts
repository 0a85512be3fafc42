import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { findProfile, type ProfileResult } from "../../../src/profiles/index.ts";
import { SERIES } from "../../../src/profiles/kubernetes/releases.ts";
import {
	defaultVersion,
	packageRelease,
	readRelease,
	requireInRange,
	requireSkew,
} from "../../../src/profiles/kubernetes/versions.ts";

type Values = Readonly<Record<string, unknown>>;

const profile = await findProfile("kubernetes");

function resolve(
	values: Values = {},
	settings: Readonly<Record<string, string>> = {},
	declared: readonly string[] = [],
): ProfileResult {
	const given = Object.entries(values).map(([name, value]) => ({ name, value, from: "the file vars.json" }));
	return profile.resolve({ settings, given, declared });
}

function refusal(work: () => unknown): { readonly message: string; readonly hint: string } {
	try {
		work();
	} catch (error) {
		if (error instanceof NodebuildError)
			return { message: [error.message, ...error.details].join("\n"), hint: error.hint ?? "" };
		throw error;
	}
	throw new Error("expected a refusal");
}

describe("the table of series", () => {
	test("has each series once, newest first, without a gap", () => {
		const minors = SERIES.map(({ series }) => Number(series.split(".")[1]));
		expect(minors).toEqual([...minors].sort((a, b) => b - a));
		expect(new Set(minors).size).toBe(minors.length);
		expect((minors[0] ?? 0) - (minors.at(-1) ?? 0)).toBe(minors.length - 1);
	});

	test.each(SERIES.map((row) => [row.series, row] as const))(
		"%s takes plugins that it says it works with",
		(_s, row) => {
			const release = readRelease(`${row.series}.${row.patch}`, "KUBERNETES_VERSION");
			for (const plugin of ["cilium", "calico", "flannel"] as const)
				expect(() => requireInRange(row.cniDefault[plugin], row.cni[plugin], plugin, release)).not.toThrow();
		},
	);
});

describe("KUBERNETES_VERSION", () => {
	test("derives series, packages and repositories", () => {
		expect(resolve({ KUBERNETES_VERSION: "v1.34.2" }).buildArgs).toMatchObject({
			KUBERNETES_VERSION: "1.34.2",
			kubernetes_semver: "v1.34.2",
			kubernetes_series: "v1.34",
			kubernetes_deb_version: "1.34.2-*",
			kubernetes_rpm_version: "1.34.2-*",
			kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/v1.34/deb/",
			kubernetes_rpm_repo: "https://pkgs.k8s.io/core:/stable:/v1.34/rpm/",
			kubernetes_deb_gpg_key: "https://pkgs.k8s.io/core:/stable:/v1.34/deb/Release.key",
			kubernetes_rpm_gpg_key: "https://pkgs.k8s.io/core:/stable:/v1.34/rpm/repodata/repomd.xml.key",
			KUBELET_VERSION: "1.34.2",
			KUBECTL_VERSION: "1.34.2",
			containerd_from: "1.6.0",
			containerd_before: "3.0.0",
			CNI: "cilium",
		});
	});

	test("is two series behind the newest known one by default", () => {
		expect(resolve().buildArgs.KUBERNETES_VERSION).toBe(defaultVersion());
		expect(Number(defaultVersion().split(".")[1])).toBe(Number(SERIES[0]?.series.split(".")[1]) - 2);
	});

	test("has no upstream repository before 1.24", () => {
		expect(resolve({ KUBERNETES_VERSION: "1.20.2" }).buildArgs).toMatchObject({
			kubernetes_deb_repo: "",
			kubernetes_deb_gpg_key: "",
		});
	});

	test.each([
		["1.34", /full version, got the series 1\.34/, /1\.34\.2/],
		["latest", /such as 1\.33\.\d+, got "latest"/, /known: 1\.35/],
		["1.99.1", /known series, got 1\.99\.1/, /known: 1\.35 .*1\.20/],
		["2.34.1", /known series, got 2\.34\.1/, /did you mean 1\.34/],
		["2.0.0", /known series, got 2\.0\.0/, /^known: 1\.35/],
		["1.19.3", /known series, got 1\.19\.3/, /^1\.20 is the oldest; known: 1\.35/],
		["1.99.1", /known series, got 1\.99\.1/, /^1\.35 is the newest that this version of nodebuild knows; known/],
		["1.34.2-1.1", /the version of a package, 1\.34\.2-1\.1/, /^KUBERNETES_VERSION=1\.34\.2; .*kubernetes_deb_version/],
		["1.20.2-00", /the version of a package, 1\.20\.2-00/, /^KUBERNETES_VERSION=1\.20\.2; /],
		["v1.34.2-rc.1", /a release, got the pre-release v1\.34\.2-rc\.1/, /releases: take 1\.34\.2 if it is out/],
		["1.34.2+k3s1", /an upstream release, got 1\.34\.2\+k3s1/, /^take 1\.34\.2: /],
	])("%s is refused, and what exists is said", (version, message, hint) => {
		const refused = refusal(() => resolve({ KUBERNETES_VERSION: version }));
		expect(refused.message).toMatch(message);
		expect(refused.hint).toMatch(hint);
	});

	test("newer than the table's patch is taken, and warned of", () => {
		const { buildArgs, warnings } = resolve({ KUBERNETES_VERSION: "1.34.99" });
		expect(buildArgs.kubernetes_semver).toBe("v1.34.99");
		expect(warnings).toEqual([expect.stringMatching(/newer than 1\.34\.2/)]);
		const parts = { KUBERNETES_VERSION: "1.34.2", KUBELET_VERSION: "1.33.98", KUBECTL_VERSION: "1.34.99" };
		expect(resolve(parts).warnings).toEqual([
			expect.stringMatching(/^the kubelet 1\.33\.98 is newer than 1\.33\.6, /),
			expect.stringMatching(/^kubectl 1\.34\.99 is newer than 1\.34\.2, /),
		]);
	});

	test("and kubernetes_semver, series and package versions have to be of one release", () => {
		const agree = { KUBERNETES_VERSION: "1.34.2", kubernetes_semver: "v1.34.2", kubernetes_series: "v1.34" };
		expect(resolve(agree).buildArgs.kubernetes_semver).toBe("v1.34.2");
		expect(refusal(() => resolve({ ...agree, kubernetes_semver: "v1.34.1" })).message).toMatch(
			/got 1\.34\.2 and v1\.34\.1/,
		);
		expect(refusal(() => resolve({ ...agree, kubernetes_series: "v1.33" })).message).toMatch(/to be v1\.34/);
		expect(refusal(() => resolve({ ...agree, kubernetes_deb_version: "1.33.1-1.1" })).message).toMatch(
			/kubernetes_deb_version to be of Kubernetes 1\.34\.2/,
		);
		expect(resolve({ ...agree, kubernetes_rpm_version: "1.34.2-150500.1.1" }).buildArgs.kubernetes_rpm_version).toBe(
			"1.34.2-150500.1.1",
		);
	});

	test.each([
		["1.34.2-1.1", "1.34.2"],
		["1.34.2-150500.1.1", "1.34.2"],
		["1.34.2-*", "1.34.2"],
		["1.20.2-00", "1.20.2"],
		["1.34.2", "1.34.2"],
		["1.34.0-rc.1-1.1", "1.34.0-rc.1"],
		["1.34", undefined],
		["1.34.2*", undefined],
	])("the package version %s is of %s", (text, version) => {
		expect(packageRelease(text)).toBe(version);
	});
});

describe("what goes together", () => {
	const skew = (kubeadm: string, kubelet: string, kubectl: string) => () =>
		requireSkew({
			kubeadm: readRelease(kubeadm, "a"),
			kubelet: readRelease(kubelet, "b"),
			kubectl: readRelease(kubectl, "c"),
		});

	test.each([
		["1.34.2", "1.34.2", "1.34.2"],
		["1.34.2", "1.31.0", "1.33.0"],
		["1.34.0", "1.34.2", "1.35.0"],
		["1.27.0", "1.25.0", "1.28.0"],
	])("kubeadm %s, kubelet %s, kubectl %s", (...versions) => {
		expect(skew(...versions)).not.toThrow();
	});

	test.each([
		["1.34.2", "1.35.0", "1.34.2", /not to be newer/],
		["1.34.2", "1.30.0", "1.34.2", /at most 3 minor versions older/],
		["1.27.0", "1.24.0", "1.27.0", /at most 2 minor versions older/],
		["1.34.2", "1.34.2", "1.32.0", /kubectl to be within one minor version/],
	])("not kubeadm %s, kubelet %s, kubectl %s", (kubeadm, kubelet, kubectl, message) => {
		expect(refusal(skew(kubeadm, kubelet, kubectl)).message).toMatch(message);
	});

	test("a kubelet and kubectl of another series come from upstream's repository of that one", () => {
		const other = (values: Values) =>
			resolve({ KUBERNETES_VERSION: "1.34.2", ...values }).buildArgs.kubernetes_other_series;
		expect(other({})).toBe("");
		expect(other({ KUBELET_VERSION: "1.34.1" })).toBe("");
		expect(other({ KUBELET_VERSION: "1.32.1" })).toBe("v1.32");
		expect(other({ KUBELET_VERSION: "1.32.1", KUBECTL_VERSION: "1.33.0" })).toBe("v1.32 v1.33");
		expect(other({ KUBELET_VERSION: "1.33.1", KUBECTL_VERSION: "1.33.0" })).toBe("v1.33");
		const own = { kubernetes_deb_repo: "https://a.org/deb/", kubernetes_rpm_repo: "https://a.org/rpm/" };
		expect(other({ KUBELET_VERSION: "1.32.1", ...own })).toBe("");
	});

	test.each([
		["/etc/kubernetes.list", "kubernetes_deb_repo"],
		["/etc/a.list /etc/kubernetes.repo", "kubernetes_rpm_repo"],
	])("extra_repos of %s would lie where %s does", (extra_repos, name) => {
		const files = (more: Values) => resolve({ KUBERNETES_VERSION: "1.34.2", extra_repos, ...more }).files;
		expect(refusal(() => files({})).message).toContain(`, which is that of ${name}, got /etc/kubernetes.`);
		expect(() => files({ disable_public_repos: true })).not.toThrow();
		expect(() => files({ KUBERNETES_VERSION: "1.20.2" })).not.toThrow();
	});

	test("a kubelet that upstream has no repository of has to have one that is named", () => {
		const versions = { KUBERNETES_VERSION: "1.25.16", KUBELET_VERSION: "1.23.17" };
		expect(refusal(() => resolve(versions))).toEqual({
			message: "expected KUBELET_VERSION to be of a series that pkgs.k8s.io has, 1.24 or newer, got 1.23.17",
			hint: "name a repository that has it with extra_repos, or with kubernetes_deb_repo or kubernetes_rpm_repo",
		});
		const args = (more: Values) => resolve({ ...versions, ...more }).buildArgs;
		expect(args({ extra_repos: "/etc/own.list" }).KUBELET_VERSION).toBe("1.23.17");
		expect(args({ kubernetes_deb_repo: "https://a.org/deb/" }).kubernetes_other_series).toBe("");
		expect(
			refusal(() => resolve({ KUBERNETES_VERSION: "1.24.17", KUBELET_VERSION: "1.24.17", KUBECTL_VERSION: "1.23.17" }))
				.message,
		).toMatch(/expected KUBECTL_VERSION/);
	});

	describe("where packages are to come from", () => {
		const NODE = ["kubernetes_deb_repo", "kubernetes_rpm_repo"];
		const OLD = { KUBERNETES_VERSION: "1.20.2" };
		const DEB = { kubernetes_deb_repo: "https://a.org/deb/" };
		const KEY = { kubernetes_deb_gpg_key: "https://a.org/key" };

		test("somewhere has to be told, where a Nodefile takes it", () => {
			expect(refusal(() => resolve(OLD, {}, NODE))).toEqual({
				message: "expected KUBERNETES_VERSION to be of a series that pkgs.k8s.io has, 1.24 or newer, got 1.20.2",
				hint: "name a repository that has it with extra_repos, or with kubernetes_deb_repo and kubernetes_deb_gpg_key, or with kubernetes_rpm_repo",
			});
			expect(refusal(() => resolve({ ...OLD, ...DEB }, {}, NODE))).toEqual({
				message: "expected kubernetes_deb_repo to come with kubernetes_deb_gpg_key, got https://a.org/deb/ without",
				hint: "name its key, or the repository in a file of extra_repos",
			});
			for (const more of [
				{ extra_repos: "/etc/a.list" },
				{ kubernetes_rpm_repo: "https://a.org/rpm/" },
				{ ...DEB, ...KEY },
				{ firstboot_custom_roles_pre: "repositories" },
				{ KUBERNETES_VERSION: "1.24.17" },
			])
				expect(() => resolve({ ...OLD, ...more }, {}, NODE)).not.toThrow();
			expect(() => resolve(OLD)).not.toThrow();
		});

		test("what is not used is warned of", () => {
			const warnings = (more: Values) => resolve({ KUBERNETES_VERSION: "1.34.2", ...more }, {}, NODE).warnings;
			expect(warnings(DEB)).toEqual([
				expect.stringMatching(/^kubernetes_deb_repo is not used without kubernetes_deb_gpg_key/),
			]);
			expect(warnings({ ...DEB, ...KEY })).toEqual([]);
			expect(warnings({ ...DEB, extra_repos: "/etc/a.list" })).toEqual([]);
			const closed = { disable_public_repos: true, extra_repos: "/etc/a.list" };
			expect(warnings({ ...DEB, ...closed, kubernetes_rpm_repo: "https://a.org/rpm/" })).toEqual([
				"kubernetes_deb_repo is not used with disable_public_repos: name the repository in a file of extra_repos",
				"kubernetes_rpm_repo is not used with disable_public_repos: name the repository in a file of extra_repos",
			]);
			expect(warnings({ ...closed, kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/v1.34/deb/" })).toEqual([]);
		});
	});

	test("a plugin and a containerd outside their ranges are refused with the range", () => {
		const version = { KUBERNETES_VERSION: "1.34.2" };
		expect(refusal(() => resolve({ ...version, CNI: "cilium", CNI_VERSION: "v1.9.0" })).message).toMatch(
			/CNI_VERSION, of cilium.*>=1\.17\.0/,
		);
		expect(refusal(() => resolve({ ...version, containerd_version: "1.5.9" })).message).toMatch(/>=1\.6\.0 <3\.0\.0/);
		const containerd = (containerd_version: string) => resolve({ ...version, containerd_version }).buildArgs;
		expect(refusal(() => containerd("3.0.0-rc.0")).message).toMatch(/<3\.0\.0\), got "3\.0\.0-rc\.0"/);
		expect(refusal(() => containerd("1.6.0-rc.1")).message).toMatch(/>=1\.6\.0/);
		expect(containerd("2.2.0-rc.0").containerd_version).toBe("2.2.0-rc.0");
		expect(resolve({ ...version, CNI: "Flannel" }).buildArgs.CNI).toBe("flannel");
	});
});

describe("values", () => {
	test("of every variable reach the build as it takes them", () => {
		const given = {
			extra_debs: '"nfs-utils net-tools"',
			extra_rpms: "  nfs-utils   net-tools ",
			extra_repos: "/etc/a.list /etc/b.list",
			disable_public_repos: "true",
			remove_extra_repos: true,
			firstboot_custom_roles_pre: "",
			firstboot_custom_roles_post: null,
			node_custom_roles_pre: "",
			custom_role_names: "",
			ansible_user_vars: "a=b",
			http_proxy: "http://proxy.example.org:3128",
			https_proxy: "",
			no_proxy: "localhost",
			pip_conf_file: "/etc/pip.conf",
			pause_image: "registry.example.org/pause:3.9",
			containerd_additional_settings: "IyBub25l",
			containerd_config_file: null,
			KUBERNETES_VERSION: "1.34.2",
		};
		const { buildArgs, files } = resolve(given);
		expect(buildArgs).toMatchObject({
			extra_debs: "nfs-utils net-tools",
			extra_rpms: "nfs-utils net-tools",
			disable_public_repos: "true",
			reenable_public_repos: "true",
			remove_extra_repos: "true",
			firstboot_custom_roles_post: "",
			http_proxy: "http://proxy.example.org:3128",
			pause_image: "registry.example.org/pause:3.9",
		});
		expect(files.map(({ arg, paths }) => [arg, paths])).toEqual([
			["extra_repos_content", ["/etc/a.list", "/etc/b.list"]],
			["pip_conf_content", ["/etc/pip.conf"]],
			["containerd_config_content", []],
		]);
	});

	test("later ones win, and may refer to others as image-builder's files do", () => {
		const { buildArgs } = profile.resolve({
			settings: {},
			declared: [],
			given: [
				{ name: "kubernetes_series", value: "v1.33", from: "the file a.json" },
				{ name: "kubernetes_series", value: "v1.34", from: "the file b.json" },
				{ name: "kubernetes_semver", value: "{{ user `kubernetes_series` }}.2", from: "the file a.json" },
			],
		});
		expect(buildArgs.KUBERNETES_VERSION).toBe("1.34.2");
	});

	test.each([
		["PREPULL_MIRROR", "http://me:hush@x:5000", /without user and password \(these are the secret registry\)/],
		["kubernetes_deb_repo", "https://me:hush@x/deb/", /extra_repos, and write them to \/etc\/apt\/auth\.conf\.d/],
		["kubernetes_deb_repo", "deb [a=b] https://me:hush@x/ suite", /without user and password/],
		["kubernetes_deb_gpg_key", "https://me:hush@x/key", /a public key has to be there without them/],
		["kubernetes_rpm_repo", "https://hush@x/rpm/", /extra_repos, and write them to \/etc\/yum\.repos\.d/],
		["kubernetes_rpm_gpg_key", "https://x/a https://me:hush@x/b", /a public key has to be there without them/],
	])("%s=%s with a password is refused, and does not show it", (name, value, message) => {
		const refused = refusal(() => resolve({ [name]: value })).message;
		expect(refused).toMatch(message);
		expect(refused).toContain("://...@x");
		expect(refused).not.toContain("hush");
	});

	test.each([
		["disable_public_repos", "maybe", /true or false, got "maybe"/],
		["disable_public_repos", [true], /expected true or false, got \[true\]/],
		["disable_public_repos", 2, /expected true or false, got 2/],
		["extra_debs", ["a", "b"], /expected a text, got \["a","b"\]/],
		["KUBERNETES_VERSION", { a: 1 }, /expected a text, got \{"a":1\}/],
		["CNI", ["cilium"], /expected a text, got \["cilium"\]/],
		["ansible_user_vars", ["a"], /expected a text or an object of variables, got a list/],
		["extra_repos", "/a/x.list /b/y.list /c/x.list", /files of different names, got \/a\/x\.list and \/c\/x\.list/],
		["extra_repos", "relative.list", /absolute paths, got "relative\.list"/],
		["additional_url_images_list", "ftp://x/y.tar", /http:\/\/ or https:\/\/ addresses/],
		[
			"additional_url_images_list",
			"https://me:pw@x/y.tar",
			/without user and password.*got "https:\/\/\.\.\.@x\/y\.tar"/,
		],
		["additional_executables_list", "https://me:pw@x/y", /secret download.*got "https:\/\/\.\.\.@x\/y"/],
		["additional_executables_list", "https://x.org/?name=tool", /end in a file's name before any query, got/],
		["additional_executables_list", "https://x.org", /end in a file's name/],
		["additional_executables_list", "https://x.org/a/..", /end in a file's name/],
		["additional_executables_list", "https://x.org/a%20b", /end in a file's name/],
		["additional_executables_list", "https://x.org/a?v=1,https://y.org/b/a", /different names, got two named "a"/],
		["additional_registry_images_list", "UPPER", /image references/],
		["pip_conf_file", "pip.conf", /an absolute path/],
		["http_proxy", "proxy:3128", /an address such as/],
		["containerd_additional_settings", "not base64!", /base64 of TOML, got 11 characters that are no base64/],
		["containerd_additional_settings", "IyBub25", /got 7 characters that are no base64/],
		["containerd_additional_settings", btoa("a = 1\nb = [\n"), /TOML in base64: line 3, column 1: invalid value/],
		["containerd_additional_settings", btoa("a = 1\na = 2\n"), /TOML in base64: line 2, column \d+: /],
		["containerd_additional_settings", "/w==", /TOML in base64: it is no UTF-8/],
		["CNI", "weave", /expected cilium, calico, flannel or none, got "weave"$/],
		["CNI", "Cillium", /got "Cillium" \(did you mean cilium\?\)/],
		["AUTOSCALER_VERSION", "none", /expected a value, or an empty text for the default, got "none"/],
		["CCM_VERSION", "None", /got "none"/],
		["CNI_VERSION", "none", /got "none"/],
		["containerd_version", "none", /got "none"/],
		["kubernetes_container_registry", "none", /got "none"/],
		["kubernetes_deb_repo", "none", /got "none"/],
		["kubernetes_deb_gpg_key", "none", /got "none"/],
		["kubernetes_rpm_repo", "none", /got "none"/],
		["kubernetes_series", "none", /got "none"/],
		["pause_image", "none", /got "none"/],
		["extra_debs", "a;b", /names of packages, got "a;b"/],
		["pause_image", `a${"-".repeat(5000)}`, /expected an image reference/],
		["additional_registry_images_list", "registry.example.org/a//b:1", /image references such as/],
		["CCM_REGISTRY", "registry.example.org/ccm:v1", /without a tag/],
	])("%s=%s is refused, with where it came from", (name, value, message) => {
		const refused = refusal(() => resolve({ [name]: value }));
		expect(refused.message).toMatch(message);
		expect(refused.message).toContain(`${name} (the file vars.json)`);
	});

	const settingsOf = (toml: string) =>
		atob(resolve({ containerd_additional_settings: btoa(toml) }).buildArgs.containerd_additional_settings ?? "");

	test("of settings of containerd are TOML, in base64 of any number of lines", () => {
		const toml = `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/${"x".repeat(60)}"\n`;
		const lines = btoa(toml).replace(/.{76}/g, "$&\n");
		const { containerd_additional_settings } = resolve({ containerd_additional_settings: `${lines}\n` }).buildArgs;
		expect(containerd_additional_settings).toBe(btoa(toml));
	});

	test.each([
		["quotes and comments", `[plugins.'io.a'.b] # of b\nc = 'x' # c\n`, `[plugins."io.a".b]\nc = "x"\n`],
		["blanks", `[ a . "b" ]\n  'c d'   =   1\n`, `[a.b]\n"c d" = 1\n`],
		["dotted keys", `a.b.c = true\na.d."e.f" = 1\n`, `[a.b]\nc = true\n[a.d]\n"e.f" = 1\n`],
		["inline tables", `a = { b = { c = "x" }, d = [1,2] }\n`, `[a]\nd = [ 1, 2 ]\n[a.b]\nc = "x"\n`],
		["tables before keys", `b = {c = 1}\nversion = 3\n`, `version = 3\n[b]\nc = 1\n`],
		["several lines", `a = [\n "x", # one\n "[y]",\n]\nb = """\nc\nd"""\n`, `a = [ "x", "[y]" ]\nb = "c\\nd"\n`],
		["empty tables", "[a]\n[b.c]\n[b]\n", "[a]\n[b.c]\n"],
		["arrays of tables", `[[a.b]]\nc = 1\n[a.b.d]\n[[a.b]]\nc = 2\n`, `[a]\nb = [ { c = 1, d = {} }, { c = 2 } ]\n`],
		[
			"types",
			"a = 1.0\nb = 9007199254740993\nc = 0x1f\nd = 2026-01-02\n",
			"a = 1.0\nb = 9007199254740993\nc = 31\nd = 2026-01-02\n",
		],
		["nothing", "# none\n", ""],
	])("of settings of containerd are written plainly: %s", (_what, toml, plain) => {
		expect(settingsOf(toml)).toBe(plain);
		expect(settingsOf(plain)).toBe(plain);
	});

	test("of switches may be numbers", () => {
		expect(resolve({ disable_public_repos: 1, extra_repos: "/a.list" }).buildArgs.disable_public_repos).toBe("true");
		expect(resolve({ disable_public_repos: 0 }).buildArgs.disable_public_repos).toBe("false");
	});

	test("with unknown names are left alone, but for those that are nearly known", () => {
		expect(resolve({ build_name: "x", iso_checksum: "y", extra_dbes: "z" }).warnings).toEqual([
			"the file vars.json has the unknown variable extra_dbes (did you mean extra_debs?)",
		]);
	});

	test("of additional lists count with their switches only", () => {
		const lists = {
			KUBERNETES_VERSION: "1.34.2",
			additional_registry_images: true,
			additional_registry_images_list: "registry.example.org/a:1,registry.example.org/b:2",
			additional_executables: "false",
			additional_executables_list: "https://example.org/tool",
		};
		const images = (more: Values) => resolve({ ...lists, ...more }, { role: "worker" }).buildArgs;
		expect(images({}).prepull_images).not.toContain("registry.example.org");
		const on = images({ load_additional_components: "true" });
		expect(on.prepull_images).toContain("registry.example.org/a:1 registry.example.org/b:2");
		expect(on.executables).toBe("");
	});
});

describe("images and programs", () => {
	const worker = (more: Values) => resolve({ KUBERNETES_VERSION: "1.34.2", ...more }, { role: "worker" }).buildArgs;
	const images = (more: Values) => worker(more).prepull_images?.split(" ") ?? [];

	test("come from other registries and in other versions where these are given", () => {
		// What kubernetes_container_registry names has kubeadm's images, and need not have any other.
		expect(
			images({ kubernetes_container_registry: "registry.example.org/k8s", METRICS_SERVER_VERSION: "v0.7.9" }),
		).toEqual(
			expect.arrayContaining([
				"registry.k8s.io/metrics-server/metrics-server:v0.7.9",
				"registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.0",
			]),
		);
		const autoscaler = { AUTOSCALER_REGISTRY: "registry.example.org/autoscaler", AUTOSCALER_VERSION: "v9" };
		expect(images(autoscaler)).toContain("registry.example.org/autoscaler:v9");
		// The cloud controller manager is anybody's: its tags are as they are written.
		const plain = { METRICS_SERVER_VERSION: "0.7.2", AUTOSCALER_VERSION: "1.33.1" };
		expect(images(plain)).toEqual(
			expect.arrayContaining([
				"registry.k8s.io/metrics-server/metrics-server:v0.7.2",
				"registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.1",
			]),
		);
		const ccm = { CCM_REGISTRY: "registry.example.org/ccm", CCM_VERSION: "1.2.3" };
		expect(resolve(ccm, { role: "control-plane" }).buildArgs.prepull_images).toContain(
			"registry.example.org/ccm:1.2.3",
		);
		expect(worker({ kubernetes_container_registry: "registry.example.org/k8s" })).toMatchObject({
			kubernetes_container_registry: "registry.example.org/k8s",
		});
		expect(worker({ PREPULL_MIRROR: "http://10.0.2.2:5000" }).PREPULL_MIRROR).toBe("http://10.0.2.2:5000");
	});

	test("are not pulled where that is switched off", () => {
		expect(worker({ PREPULL: "false" })).toMatchObject({ prepull: "false", prepull_images: "" });
		expect(worker({})).toMatchObject({ prepull: "true" });
	});

	test("and packages come as they do, whatever image-builder could do instead: that is said", () => {
		const warnings = (more: Values) => resolve({ KUBERNETES_VERSION: "1.34.2", ...more }, { role: "worker" }).warnings;
		expect(warnings({ kubernetes_source_type: "http", kubernetes_rpm_gpg_check: "False" })).toEqual([
			"kubernetes_source_type=http of the file vars.json has no effect: Kubernetes comes from packages",
			"kubernetes_rpm_gpg_check=False of the file vars.json has no effect: packages' signatures are always checked",
		]);
		expect(warnings({ kubernetes_source_type: "pkg", kubernetes_cni_source_type: "pkg" })).toEqual([]);
	});

	test("of lists that are not switched on are told", () => {
		const warnings = (more: Values) => resolve({ KUBERNETES_VERSION: "1.34.2", ...more }, { role: "worker" }).warnings;
		const list = { additional_registry_images_list: "registry.example.org/a:1" };
		expect(warnings(list)).toEqual([
			"additional_registry_images_list has no effect without load_additional_components=true and additional_registry_images=true",
		]);
		expect(warnings({ ...list, additional_registry_images: "true" })).toEqual([
			"additional_registry_images_list has no effect without load_additional_components=true",
		]);
		const on = { load_additional_components: "true", additional_registry_images: "true" };
		expect(warnings({ ...list, ...on })).toEqual([]);
		expect(warnings({ additional_registry_images_list: "", additional_executables: "true" })).toEqual([]);
	});

	test("are not pulled where there is to be none of them", () => {
		expect(images({ CNI: "None" }).filter((image) => /cilium|calico|flannel/.test(image))).toEqual([]);
		expect(worker({ CNI: "none" })).toMatchObject({ CNI: "none", CNI_VERSION: "" });
		expect(images({ AUTOSCALER_REGISTRY: "none" }).join(" ")).not.toContain("autoscaler");
		expect(images({ METRICS_SERVER_VERSION: "none" }).join(" ")).not.toContain("metrics-server");
		const { labels, warnings } = resolve({ CNI: "none", CNI_VERSION: "1.2.3" }, { role: "worker" });
		expect(Object.keys(labels)).toEqual(["io.nodebuild.purpose", "io.nodebuild.version.kubernetes"]);
		expect(warnings).toEqual(["CNI_VERSION is of no image: CNI is none"]);
		const defaults = { CNI: null, CNI_VERSION: "null", AUTOSCALER_REGISTRY: null, METRICS_SERVER_VERSION: "NULL" };
		expect(images(defaults)).toEqual(images({}));
		expect(
			worker({ CCM_REGISTRY: "none", PREPULL_MIRROR: "none", containerd_additional_settings: "none" }),
		).toMatchObject({ CCM_REGISTRY: "", PREPULL_MIRROR: "", containerd_additional_settings: "" });
	});

	test("that are not pulled are in no label", () => {
		const labels = (more: Values) =>
			Object.keys(resolve({ KUBERNETES_VERSION: "1.34.2", ...more }, { role: "worker" }).labels);
		expect(labels({})).toContain("io.nodebuild.version.cilium");
		expect(labels({ PREPULL: false })).toEqual(["io.nodebuild.purpose", "io.nodebuild.version.kubernetes"]);
	});

	test("of a cloud controller manager have to be named by its repository", () => {
		const warnings = (role: string, more: Values) => resolve({ CCM_VERSION: "v3", ...more }, { role }).warnings;
		expect(warnings("control-plane", {})).toEqual([expect.stringMatching(/^CCM_VERSION is of no image: CCM_REGISTRY/)]);
		expect(warnings("control-plane", { CCM_REGISTRY: "registry.example.org/ccm" })).toEqual([]);
		expect(warnings("worker", {})).toEqual([]);
	});

	test("of additional lists come each with its switch", () => {
		const lists = {
			load_additional_components: true,
			additional_url_images_list: "https://example.org/a.tar, https://example.org/b.tar",
			additional_executables_list: "https://example.org/tool",
			additional_executables_destination_path: "/opt/bin",
		};
		expect(worker(lists)).toMatchObject({ prepull_archives: "", executables: "" });
		expect(worker({ ...lists, additional_url_images: true, additional_executables: "yes" })).toMatchObject({
			prepull_archives: "https://example.org/a.tar https://example.org/b.tar",
			executables: "https://example.org/tool",
			additional_executables_destination_path: "/opt/bin",
		});
	});
});

test("each variable that the documentation lists is known, and each that is known is listed", () => {
	const rows = readFileSync("docs/kubernetes.md", "utf8").split("## Variables")[1]?.split("\n## ")[0] ?? "";
	const listed = [...rows.matchAll(/^\| ([^|]*) \|/gm)].flatMap(([, names = ""]) =>
		[...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
	);
	expect([...new Set(listed)].sort()).toEqual([...profile.variables].sort());
});

describe("Ansible roles", () => {
	test("are named by name or absolute path, and run where the Nodefiles have an ARG for them", () => {
		const names = {
			firstboot_custom_roles_pre: '"hardening  /srv/roles/audit"',
			firstboot_custom_roles_post: "a.b",
			node_custom_roles_pre: null,
		};
		const { buildArgs, roles } = resolve(names);
		expect(buildArgs).toMatchObject({
			firstboot_custom_roles_pre: "hardening /srv/roles/audit",
			firstboot_custom_roles_post: "a.b",
			node_custom_roles_pre: "",
		});
		// Left to the Nodefile's own default.
		expect(buildArgs).not.toHaveProperty("node_custom_roles_post");
		const declared = ["base-os", "node", "worker", "control-plane", "combined"].flatMap((name) =>
			[...readFileSync(`nodefiles/Nodefile.${name}`, "utf8").matchAll(/^ARG (\w+_roles_\w+)$/gm)].map(([, arg]) => arg),
		);
		expect([...new Set(declared)]).toEqual(roles?.args);
		expect(refusal(() => resolve({ node_custom_roles_pre: "./roles/x" })).message).toMatch(
			/node_custom_roles_pre .*names or absolute paths of Ansible roles, got "\.\/roles\/x"/,
		);
	});

	test("of custom_role_names are run before those of node_custom_roles_post", () => {
		const last = (values: Values) => resolve(values).buildArgs.node_custom_roles_post;
		expect(last({ custom_role_names: "one two" })).toBe("one two");
		expect(last({ custom_role_names: "one two", node_custom_roles_post: "three one" })).toBe("one two three");
		expect(last({ custom_role_names: "" })).toBe("");
	});

	test.each<[unknown, unknown]>([
		["", ""],
		[null, ""],
		["a=1 b='two words' c=\"it's\" d=", { a: "1", b: "two words", c: "it's", d: "" }],
		['"a=1 b=2"', { a: "1", b: "2" }],
		['"a=1" b="2"', { '"a': '1"', b: "2" }],
		["a={{ x | default('y z') }} b=x=y", { a: "{{ x | default('y z') }}", b: "x=y" }],
		['{"a": [1, 2]}', { a: [1, 2] }],
		["{a: {b: c}}", "{a: {b: c}}"],
		[{ a: { b: true } }, { a: { b: true } }],
	])("get the variables of ansible_user_vars as Ansible reads them: %j", (value, vars) => {
		const { roles } = resolve({ ansible_user_vars: value });
		expect(typeof vars === "string" ? roles?.vars : JSON.parse(roles?.vars ?? "")).toEqual(vars);
		expect(roles?.varsFile).toBeUndefined();
	});

	test("get the variables of a file that ansible_user_vars names", () => {
		expect(resolve({ ansible_user_vars: "@/etc/vars.yml" }).roles).toMatchObject({
			vars: "",
			varsFile: "/etc/vars.yml",
		});
	});
});

describe("roles", () => {
	test.each([
		["worker", 40, "Kubernetes Worker", false, true],
		["control-plane", 20, "Kubernetes Control Plane", true, false],
		["combined", 40, "Kubernetes Control Plane and Worker", true, true],
	])("%s: %i GiB", (role, size, purpose, cloudController, autoscaler) => {
		const values = { KUBERNETES_VERSION: "1.34.2", CCM_REGISTRY: "registry.example.org/ccm", CCM_VERSION: "v3" };
		const { diskSize, labels, buildArgs } = resolve(values, { role });
		expect(diskSize).toBe(size * 2 ** 30);
		expect(labels).toMatchObject({ "io.nodebuild.purpose": purpose, "io.nodebuild.version.kubernetes": "1.34.2" });
		expect(buildArgs.prepull_images?.includes("registry.example.org/ccm:v3")).toBe(cloudController);
		expect(buildArgs.prepull_images?.includes("cluster-autoscaler:v1.34.0")).toBe(autoscaler);
		expect(buildArgs.prepull_images).toMatch(/cilium\/operator-generic:v1\.18/);
		expect(buildArgs.prepull_without?.includes("kube-apiserver")).toBe(role === "worker");
	});

	test("that nobody knows are refused", () => {
		expect(refusal(() => resolve({}, { role: "wroker" }))).toMatchObject({ hint: "did you mean worker?" });
		expect(refusal(() => resolve({}, { rolle: "worker" })).message).toMatch(/to be given a role, got "rolle"/);
	});
});

test("an unknown profile is refused with the nearest name", async () => {
	await expect(findProfile("kuberntes")).rejects.toMatchObject({ hint: "did you mean kubernetes?" });
});
