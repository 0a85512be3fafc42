/** What is refused, and what is warned of, of values that look well by themselves. */
import { describe, expect, test } from "vitest";
import { findProfile } from "../../../src/profiles/index.ts";

type Values = Readonly<Record<string, unknown>>;

const profile = await findProfile("kubernetes");

function resolve(values: Values) {
	const all = { KUBERNETES_VERSION: "1.34.2", ...values };
	const given = Object.entries(all).map(([name, value]) => ({ name, value, from: "the file a.json" }));
	return profile.resolve({ settings: { role: "worker" }, given, declared: [] });
}

const warnings = (values: Values): readonly string[] => resolve(values).warnings;

describe("pause_image", () => {
	test.each([
		["1.34.2", "registry.k8s.io/pause:3.9", "3.10.1"],
		["1.34.2", `registry.example.org:5000/pause:3.9@sha256:${"0".repeat(64)}`, "3.10.1"],
		["1.28.1", "pause:3.10", "3.9"],
		["1.20.2", "k8s.gcr.io/pause:3.9", "3.2"],
	])("of another series than %s is told: %s", (KUBERNETES_VERSION, pause_image, own) => {
		expect(warnings({ KUBERNETES_VERSION, pause_image })).toEqual([
			`pause_image is ${pause_image}, but kubeadm ${KUBERNETES_VERSION} comes with pause ${own}: leave it out, or take that`,
		]);
	});

	test.each([
		["1.34.2", "registry.k8s.io/pause:3.10.1"],
		["1.34.2", "registry.k8s.io/pause:3.10"],
		["1.31.4", "registry.k8s.io/pause:3.9"],
		["1.34.2", "registry.example.org/own-pause:1"],
		["1.34.2", "registry.example.org/pause"],
		["1.20.2", "k8s.gcr.io/pause:3.2"],
	])("of %s, or of the series before, or of another kind is not: %s", (KUBERNETES_VERSION, pause_image) => {
		expect(warnings({ KUBERNETES_VERSION, pause_image })).toEqual([]);
	});
});

describe("images of network plugins are called as their manifests call them", () => {
	const images = (values: Values) => resolve(values).buildArgs.prepull_images?.split(" ") ?? [];

	test.each([
		["0.20.2", "docker.io/rancher/mirrored-flannelcni-flannel", "v1.1.0"],
		["0.21.5", "docker.io/flannel/flannel", "v1.1.2"],
		["0.22.3", "docker.io/flannel/flannel", "v1.2.0"],
		["0.23.0", "docker.io/flannel/flannel", "v1.2.0"],
		["0.24.2", "docker.io/flannel/flannel", "v1.4.0-flannel1"],
		["0.25.4", "docker.io/flannel/flannel", "v1.4.1-flannel1"],
		["0.25.7", "docker.io/flannel/flannel", "v1.5.1-flannel2"],
		["0.26.3", "docker.io/flannel/flannel", "v1.6.0-flannel1"],
		["0.26.7", "ghcr.io/flannel-io/flannel", "v1.6.2-flannel1"],
		["v0.27.4", "ghcr.io/flannel-io/flannel", "v1.8.0-flannel1"],
		["0.28.5", "ghcr.io/flannel-io/flannel", "v1.9.1-flannel1"],
	])("flannel %s", (CNI_VERSION, name, plugin) => {
		expect(images({ CNI: "flannel", CNI_VERSION })).toEqual(
			expect.arrayContaining([`${name}:v${CNI_VERSION.replace("v", "")}`, `${name}-cni-plugin:${plugin}`]),
		);
	});

	test("calico", () => {
		const calico = { KUBERNETES_VERSION: "1.29.1", CNI: "calico" };
		expect(images({ ...calico, CNI_VERSION: "3.27.3" })).toContain("docker.io/calico/node:v3.27.3");
		expect(images({ ...calico, KUBERNETES_VERSION: "1.34.2", CNI_VERSION: "3.30.0" })).toContain(
			"quay.io/calico/node:v3.30.0",
		);
	});
});

test("files of extra_repos that neither apt nor dnf reads are told", () => {
	expect(warnings({ extra_repos: "/x/a.list /x/internal.txt /x/b.repo /x/c.sources /x/plain" })).toEqual([
		"extra_repos has /x/internal.txt and /x/plain: apt reads files named .list or .sources only, dnf .repo",
	]);
});

test("lists of images that PREPULL=false leaves out are told", () => {
	const lists = {
		load_additional_components: true,
		additional_registry_images: true,
		additional_registry_images_list: "a.org/b:1",
		additional_url_images: true,
		additional_url_images_list: "https://a.org/c.tar",
		additional_executables: true,
		additional_executables_list: "https://a.org/d",
	};
	expect(warnings(lists)).toEqual([]);
	expect(warnings({ ...lists, PREPULL: false })).toEqual([
		"additional_url_images_list has no effect with PREPULL=false, which pulls no images",
		"additional_registry_images_list has no effect with PREPULL=false, which pulls no images",
	]);
});

test.each([
	["PREPULL_MIRROR", "file:/foo", /PREPULL_MIRROR .*an http:\/\/ or https:\/\/ address, got "file:\/foo"/],
	[
		"additional_executables_destination_path",
		"/usr/local/lib/nodebuild",
		/another folder than \/usr\/local\/lib\/node/,
	],
	["additional_executables_destination_path", "//usr/local/./lib/x/../nodebuild/bin/", /another folder than/],
	["CCM_REGISTRY", "registry.example.org:5000", /without a tag/],
	["AUTOSCALER_REGISTRY", `a.org/b@sha256:${"0".repeat(64)}`, /without a tag/],
	["kubernetes_container_registry", "registry.example.org/k8s:1", /without a tag/],
])("%s=%s is refused", (name, value, message) => {
	expect(() => resolve({ [name]: value })).toThrow(message);
});

test.each([
	["additional_executables_destination_path", "/usr/local/lib/nodebuild-tools"],
	["CCM_REGISTRY", "Registry.example.org/ccm"],
	["AUTOSCALER_REGISTRY", "Registry.example.org/a"],
	["kubernetes_container_registry", "Registry.example.org:5000"],
	["kubernetes_container_registry", "registry.example.org/k8s"],
	["kubernetes_container_registry", "localhost:5000"],
])("%s=%s is taken", (name, value) => {
	expect(resolve({ [name]: value }).buildArgs[name]).toBe(value);
});

test("a kubelet of another version has a label of its own", () => {
	expect(resolve({ KUBELET_VERSION: "1.33.1" }).labels).toMatchObject({
		"io.nodebuild.version.kubernetes": "1.34.2",
		"io.nodebuild.version.kubelet": "1.33.1",
	});
	expect(resolve({ KUBELET_VERSION: "1.34.2" }).labels).not.toHaveProperty("io.nodebuild.version.kubelet");
});
