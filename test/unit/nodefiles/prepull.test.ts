/** Which images are pulled, and where from. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DEBIAN, setup } from "./setup.ts";

describe("images to pull", () => {
	test.each([
		["debian", "docker.io/library/debian:latest"],
		["cilium/cilium:v1", "docker.io/cilium/cilium:v1"],
		["quay.io/cilium/cilium", "quay.io/cilium/cilium:latest"],
		["registry:5000/app:1", "registry:5000/app:1"],
		["localhost/app:1", "localhost/app:1"],
		["ghcr.io/app@sha256:0", "ghcr.io/app@sha256:0"],
		["docker.io/nginx:1.27", "docker.io/library/nginx:1.27"],
		["docker.io/nginx@sha256:0", "docker.io/library/nginx@sha256:0"],
		["docker.io/nginx", "docker.io/library/nginx:latest"],
		["docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27"],
		["docker.io/cilium/cilium:v1", "docker.io/cilium/cilium:v1"],
		["my.docker.io/nginx:1", "my.docker.io/nginx:1"],
	])("%s is %s", async (name, full) => {
		const { call } = await setup(DEBIAN);
		expect(call("prepull.sh", `full_name ${name}`).stdout).toBe(full);
	});

	test("come through a mirror, with passwords of the secret in memory only", async () => {
		const { call, folder } = await setup(DEBIAN);
		writeFileSync(join(folder, "secret"), "mirror:5000 me:secret\nregistry.example.org you:hidden");
		const variables = { PREPULL_MIRROR: "http://mirror:5000", NODEBUILD_REGISTRY_SECRET: join(folder, "secret") };
		expect(call("prepull.sh", `hosts=${folder}/hosts; registries`, variables)).toMatchObject({ status: 0, stdout: "" });
		const file = (name: string) => readFileSync(join(folder, "hosts", name, "hosts.toml"), "utf8");
		expect(file("_default")).toBe(
			`[host."http://mirror:5000"]\n  capabilities = ["pull", "resolve"]\n[host."http://mirror:5000".header]\n  authorization = "Basic ${btoa("me:secret")}"\n`,
		);
		expect(file("registry.example.org")).toContain(`authorization = "Basic ${btoa("you:hidden")}"`);
	});

	/** Registries that containerd is told of, with their files. */
	async function registries(secret: string, mirror = "") {
		const { call, folder } = await setup(DEBIAN);
		writeFileSync(join(folder, "secret"), secret);
		const variables = { PREPULL_MIRROR: mirror, NODEBUILD_REGISTRY_SECRET: join(folder, "secret") };
		const code = `hosts=${folder}/hosts; mkdir $hosts; registries`;
		expect(call("prepull.sh", code, variables)).toEqual({ status: 0, stdout: "", stderr: "" });
		const names = readdirSync(join(folder, "hosts")).sort();
		return names.map((name) => [name, readFileSync(join(folder, "hosts", name, "hosts.toml"), "utf8")] as const);
	}

	const hosts = (server: string, login?: string) =>
		`[host."${server}"]\n  capabilities = ["pull", "resolve"]\n${
			login === undefined ? "" : `[host."${server}".header]\n  authorization = "Basic ${btoa(login)}"\n`
		}`;

	test("of docker.io come from its server", async () => {
		expect(await registries("docker.io me:secret\n")).toEqual([
			["docker.io", hosts("https://registry-1.docker.io", "me:secret")],
		]);
	});

	test.each([
		["http://mirror:5000/", "mirror:5000", "http://mirror:5000"],
		["http://mirror:5000//", "mirror:5000", "http://mirror:5000"],
		["https://mirror.example.org/all/", "mirror.example.org", "https://mirror.example.org/all"],
		["https://mirror.example.org/all", "mirror.example.org/all", "https://mirror.example.org/all"],
		["mirror:5000", "mirror:5000", "mirror:5000"],
	])("through the mirror %s have the password of %s", async (mirror, name, server) => {
		expect(await registries(`${name} me:secret\n`, mirror)).toEqual([["_default", hosts(server, "me:secret")]]);
	});

	test("have passwords from a file of Windows, with comments and empty lines", async () => {
		const secret = "# ours\r\n\r\na.org me:secret\r\n   \r\n  # b.org no:thing\r\nc.org you:hid#den\r\n";
		expect(await registries(secret, "http://mirror:5000")).toEqual([
			["_default", hosts("http://mirror:5000")],
			["a.org", hosts("https://a.org", "me:secret")],
			["c.org", hosts("https://c.org", "you:hid#den")],
		]);
	});

	test("are kubeadm's without those of the control plane, and the role's own", async () => {
		const kubeadm =
			"printf '%s\\n' k8s.gcr.io/kube-apiserver:v1 k8s.gcr.io/kube-proxy:v1 k8s.gcr.io/pause:3.2 k8s.gcr.io/etcd:3";
		const { call } = await setup(DEBIAN, { kubeadm });
		const variables = { KUBERNETES_VERSION: "1.20.2", prepull_without: "kube-apiserver etcd", prepull_images: "a b" };
		expect(call("prepull.sh", "wanted", variables).stdout.split("\n")).toEqual([
			"k8s.gcr.io/kube-proxy:v1",
			"k8s.gcr.io/pause:3.2",
			"a",
			"b",
		]);
		const own = call("prepull.sh", "pause_of_containerd() { echo own.example/pause:9; }; wanted", variables);
		// kubeadm's own too: it does not go on without.
		expect(own.stdout.split("\n")).toEqual([
			"k8s.gcr.io/kube-proxy:v1",
			"k8s.gcr.io/pause:3.2",
			"own.example/pause:9",
			"a",
			"b",
		]);
	});
});
