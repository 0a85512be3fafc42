/** Files of variables as image-builder has had them (images/capi/packer/config): their forms, not the files. */
import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { findProfile, type ProfileResult } from "../../../src/profiles/index.ts";

type Values = Readonly<Record<string, unknown>>;

const profile = await findProfile("kubernetes");

/** Each of the sources wins over those before it. */
function resolve(...sources: readonly (readonly [from: string, values: Values])[]): ProfileResult {
	const given = sources.flatMap(([from, values]) =>
		Object.entries(values).map(([name, value]) => ({ name, value, from })),
	);
	return profile.resolve({ settings: { role: "worker" }, given, declared: [] });
}

function refusal(work: () => unknown): string {
	try {
		work();
	} catch (error) {
		if (error instanceof NodebuildError) return [error.message, ...error.details].join("\n");
		throw error;
	}
	throw new Error("expected a refusal");
}

/** kubernetes.json of the time of 1.20. */
const OLD = {
	crictl_version: "1.20.0",
	crictl_source_type: "pkg",
	kubernetes_container_registry: "k8s.gcr.io",
	kubernetes_deb_gpg_key: "https://packages.cloud.google.com/apt/doc/apt-key.gpg",
	kubernetes_deb_repo: '"https://apt.kubernetes.io/ kubernetes-xenial"',
	kubernetes_deb_version: "1.20.9-00",
	kubernetes_load_additional_imgs: "false",
	kubernetes_rpm_gpg_check: "True",
	kubernetes_rpm_gpg_key:
		'"https://packages.cloud.google.com/yum/doc/yum-key.gpg https://packages.cloud.google.com/yum/doc/rpm-package-key.gpg"',
	kubernetes_rpm_repo: "https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64",
	kubernetes_rpm_version: "1.20.9-0",
	kubernetes_semver: "v1.20.9",
	kubernetes_series: "v1.20",
	kubernetes_source_type: "pkg",
};

/** kubernetes.json of the time of 1.31. */
const NEW = {
	crictl_arch: "amd64",
	crictl_source_type: "pkg",
	crictl_url:
		"https://github.com/kubernetes-sigs/cri-tools/releases/download/v{{user `crictl_version`}}/crictl-{{user `crictl_arch`}}.tar.gz",
	crictl_version: "1.31.0",
	kubernetes_apiserver_port: "6443",
	kubernetes_container_registry: "registry.k8s.io",
	kubernetes_deb_gpg_key: "https://pkgs.k8s.io/core:/stable:/{{ user `kubernetes_series` }}/deb/Release.key",
	kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/{{ user `kubernetes_series` }}/deb/",
	kubernetes_deb_version: "1.31.4-1.1",
	kubernetes_rpm_gpg_check: "True",
	kubernetes_rpm_gpg_key:
		"https://pkgs.k8s.io/core:/stable:/{{ user `kubernetes_series` }}/rpm/repodata/repomd.xml.key",
	kubernetes_rpm_repo: "https://pkgs.k8s.io/core:/stable:/{{ user `kubernetes_series` }}/rpm/",
	kubernetes_rpm_repo_arch: "x86_64",
	kubernetes_rpm_version: "1.31.4",
	kubernetes_semver: "v1.31.4",
	kubernetes_series: "v1.31",
	kubernetes_source_type: "pkg",
};

/** common.json, containerd.json, cni.json, additional_components.json. */
const OTHERS = {
	build_target: "virt",
	disable_public_repos: "false",
	extra_debs: "",
	extra_repos: "",
	firstboot_custom_roles_pre: "",
	http_proxy: "",
	netplan_removal_excludes: "",
	pause_image: "registry.k8s.io/pause:3.9",
	pip_conf_file: "",
	reenable_public_repos: "true",
	remove_extra_repos: "false",
	containerd_additional_settings: null,
	containerd_sha256: "{{ if user `containerd_url` }}{{ user `containerd_url` }}.sha256sum{{ else }}02990f{{ end }}",
	containerd_version: "1.7.27",
	kubernetes_cni_deb_version: null,
	kubernetes_cni_semver: "v1.2.0",
	additional_executables: "false",
	additional_executables_destination_path: "",
	additional_executables_list: "",
	additional_s3: "false",
	additional_s3_secret: "",
	node_custom_roles_post_sysprep: "",
	load_additional_components: "false",
};

describe("files of image-builder are read as they are", () => {
	test("of the time of 1.20, but their repositories are gone", () => {
		const { buildArgs, warnings } = resolve(["the file kubernetes.json", OLD]);
		expect(buildArgs).toMatchObject({
			KUBERNETES_VERSION: "1.20.9",
			kubernetes_deb_version: "1.20.9-00",
			kubernetes_rpm_version: "1.20.9-0",
			kubernetes_deb_repo: "https://apt.kubernetes.io/ kubernetes-xenial main",
			kubernetes_deb_gpg_key: "https://packages.cloud.google.com/apt/doc/apt-key.gpg",
			kubernetes_rpm_repo: "https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64",
			kubernetes_rpm_gpg_key:
				"https://packages.cloud.google.com/yum/doc/yum-key.gpg https://packages.cloud.google.com/yum/doc/rpm-package-key.gpg",
			kubernetes_container_registry: "k8s.gcr.io",
		});
		expect(warnings).toEqual([
			expect.stringMatching(/^kubernetes_deb_repo is at apt\.kubernetes\.io, which is there no more/),
			expect.stringMatching(/^kubernetes_rpm_repo is at packages\.cloud\.google\.com, which is there no more/),
		]);
		expect(
			resolve(["the file kubernetes.json", { ...OLD, extra_repos: "/etc/own.list", disable_public_repos: "true" }])
				.warnings,
		).toEqual([]);
	});

	test("of the time of 1.31, with all that lies beside them", () => {
		const { buildArgs, warnings } = resolve(["the file kubernetes.json", NEW], ["the file common.json", OTHERS]);
		expect(buildArgs).toMatchObject({
			KUBERNETES_VERSION: "1.31.4",
			kubernetes_deb_version: "1.31.4-1.1",
			kubernetes_rpm_version: "1.31.4",
			kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/v1.31/deb/",
			kubernetes_deb_gpg_key: "https://pkgs.k8s.io/core:/stable:/v1.31/deb/Release.key",
			kubernetes_rpm_gpg_key: "https://pkgs.k8s.io/core:/stable:/v1.31/rpm/repodata/repomd.xml.key",
			containerd_version: "1.7.27",
			pause_image: "registry.k8s.io/pause:3.9",
		});
		expect(warnings).toEqual([]);
	});

	test("of any time, with versions of the CNI plugins and crictl that nobody has asked for", () => {
		const cni = {
			kubernetes_cni_deb_version: "0.8.7-00",
			kubernetes_cni_http_source: "https://github.com/containernetworking/plugins/releases/download",
			kubernetes_cni_rpm_version: "0.8.7-0",
			kubernetes_cni_semver: "v0.8.7",
		};
		const crictl = { crictl_sha256: "da0c05", crictl_version: "1.20.0" };
		expect(resolve(["the file cni.json", cni], ["the file powervs.json", crictl]).warnings).toEqual([]);
	});

	test("and what of them is asked for and has no effect is said", () => {
		const wishes = {
			kubernetes_cni_deb_version: "1.5.1-1.1",
			kubernetes_cni_rpm_version: "1.5.1",
			containerd_url: "https://me:hush@a.org/containerd.tar.gz",
			crictl_version: "1.31.1",
			crictl_source_type: "http",
			crictl_url: '"https://a.org/crictl.tar.gz"',
			enable_containerd_audit: true,
			additional_s3: "true",
			node_custom_roles_post_sysprep: '"last"',
		};
		expect(resolve(["the file kubernetes.json", NEW], ["the file own.json", wishes]).warnings).toEqual([
			expect.stringMatching(
				/^kubernetes_cni_deb_version=1\.5\.1-1\.1 of the file own\.json has no effect: .*kubernetes-cni/,
			),
			expect.stringMatching(/^kubernetes_cni_rpm_version=1\.5\.1 of /),
			expect.stringMatching(
				/^containerd_url=https:\/\/\.\.\.@a\.org\/containerd\.tar\.gz of .*: containerd comes from packages/,
			),
			expect.stringMatching(/^crictl_source_type=http of /),
			expect.stringMatching(/^crictl_url=https:\/\/a\.org\/crictl\.tar\.gz of /),
			expect.stringMatching(/^enable_containerd_audit=true of /),
			expect.stringMatching(/^additional_s3=true of .*additional_url_images_list/),
			expect.stringMatching(/^node_custom_roles_post_sysprep=last of .*node_custom_roles_post/),
		]);
	});

	test("a version of crictl that is asked for alone", () => {
		expect(
			resolve(["the file kubernetes.json", NEW], ["the file own.json", { crictl_version: "1.31.1" }]).warnings,
		).toEqual([expect.stringMatching(/^crictl_version=1\.31\.1 of .*: crictl comes from the package cri-tools$/)]);
	});

	test("a variable that they refer to and nobody gives is empty, and warned of once", () => {
		const own = {
			a: "{{ user `lost` }}",
			pause_image: "a.org/pause{{user `a`}}{{user `lost`}}:3.10",
			extra_debs: "{{user `other`}}",
		};
		const { buildArgs, warnings } = resolve(["the file own.json", own]);
		expect(buildArgs.pause_image).toBe("a.org/pause:3.10");
		expect(warnings).toEqual([
			"the file own.json refers in a to the variable lost, which nobody gives: it is taken as empty",
			"the file own.json refers in pause_image to the variable lost, which nobody gives: it is taken as empty",
			"the file own.json refers in extra_debs to the variable other, which nobody gives: it is taken as empty",
		]);
		// What is not ours may refer to whatever it likes, and null is given.
		expect(
			resolve(["the file own.json", { mine: "{{user `x`}}", y: null, extra_debs: "{{user `y`}}" }]).warnings,
		).toEqual([]);
	});

	test.each([
		["https://a.org/deb/", "https://a.org/deb/"],
		["https://a.org/deb/ /", "https://a.org/deb/"],
		["https://a.org/ suite", "https://a.org/ suite main"],
		['"deb https://a.org/ suite main other"', "https://a.org/ suite main other"],
		["deb https://a.org/ folder/", "https://a.org/ folder/"],
		[null, "https://pkgs.k8s.io/core:/stable:/v1.34/deb/"],
		["", "https://pkgs.k8s.io/core:/stable:/v1.34/deb/"],
	])("kubernetes_deb_repo %j is %s", (kubernetes_deb_repo, expected) => {
		const { buildArgs } = resolve(["the file a.json", { KUBERNETES_VERSION: "1.34.2", kubernetes_deb_repo }]);
		expect(buildArgs.kubernetes_deb_repo).toBe(expected);
	});

	test.each(["deb [trusted=yes] https://a.org/ suite", "ftp://a.org/ suite", "https://a.org/ suite ma$in", "suite"])(
		"kubernetes_deb_repo %j is refused",
		(kubernetes_deb_repo) => {
			expect(refusal(() => resolve(["the file a.json", { kubernetes_deb_repo }]))).toContain(
				`expected an address, or an address, a suite and components, without options, got "${kubernetes_deb_repo}"`,
			);
		},
	);

	test("upstream's repository of another series is refused", () => {
		const repo = { kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/v1.31/deb/" };
		expect(refusal(() => resolve(["the file a.json", { KUBERNETES_VERSION: "1.34.2", ...repo }]))).toMatch(
			/expected kubernetes_deb_repo to be of the series v1\.34, which 1\.34\.2 is of, got https:.*v1\.31/,
		);
	});
});

describe("a version given over such a file", () => {
	test.each([
		["--build-arg", { KUBERNETES_VERSION: "1.34.2" }],
		["--build-arg", { kubernetes_semver: "v1.34.2" }],
		["the file own.json", { KUBERNETES_VERSION: "v1.34.2" }],
	])("as %s %j takes the place of all that the file says of its own", (from, values) => {
		const { buildArgs } = resolve(["the file kubernetes.json", NEW], [from, values]);
		expect(buildArgs).toMatchObject({
			KUBERNETES_VERSION: "1.34.2",
			kubernetes_semver: "v1.34.2",
			kubernetes_series: "v1.34",
			kubernetes_deb_version: "1.34.2-*",
			kubernetes_rpm_version: "1.34.2-*",
			kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/v1.34/deb/",
			kubernetes_rpm_gpg_key: "https://pkgs.k8s.io/core:/stable:/v1.34/rpm/repodata/repomd.xml.key",
		});
	});

	test("that is the file's own leaves its packages", () => {
		const { buildArgs } = resolve(["the file kubernetes.json", NEW], ["--build-arg", { KUBERNETES_VERSION: "1.31.4" }]);
		expect(buildArgs).toMatchObject({ kubernetes_deb_version: "1.31.4-1.1", kubernetes_rpm_version: "1.31.4" });
	});

	test("in the environment is less than the file", () => {
		const { buildArgs } = resolve(
			["the environment", { KUBERNETES_VERSION: "1.34.2" }],
			["the file kubernetes.json", NEW],
		);
		expect(buildArgs).toMatchObject({ KUBERNETES_VERSION: "1.31.4", kubernetes_deb_version: "1.31.4-1.1" });
	});

	test("is still held against what is given with it, or over it", () => {
		const both = { KUBERNETES_VERSION: "1.34.2", kubernetes_semver: "v1.34.1" };
		expect(refusal(() => resolve(["--build-arg", both]))).toMatch(/to be the same, got 1\.34\.2 and v1\.34\.1/);
		expect(
			refusal(() => resolve(["the file a.json", NEW], ["--build-arg", { kubernetes_deb_version: "1.34.2-1.1" }])),
		).toMatch(/kubernetes_deb_version to be of Kubernetes 1\.31\.4/);
		expect(refusal(() => resolve(["the file a.json", NEW], ["--build-arg", { kubernetes_series: "v1.34" }]))).toMatch(
			/kubernetes_series to be v1\.31/,
		);
	});
});
