/** What the scripts ask dnf for; scripts/k8s-rhel/dry-run.sh has it done by a real one. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DEBIAN, ROCKY, setup } from "./setup.ts";

test("packages of Kubernetes are installed with dnf on the RHEL family, past what any file excludes", async () => {
	const { call, log } = await setup(ROCKY, { dnf: 'case $* in *repoquery*) exit ;; esac; echo "$*" >>"$LOG"' });
	const versions = { KUBERNETES_VERSION: "1.34.2", kubernetes_rpm_version: "1.34.2-*", KUBELET_VERSION: "1.34.1" };
	expect(call("node.sh", "kubernetes_rhel", versions).status).toBe(0);
	expect(log()).toEqual([
		"-y -q --setopt=install_weak_deps=False --setopt=retries=3 --setopt=disable_excludes=all,* install kubeadm-1.34.2-* kubelet-1.34.1-* kubectl-1.34.2-* cri-tools kubernetes-cni",
	]);
});

describe("packages of Kubernetes that no repository excludes from updates", () => {
	const excluded = "kubelet kubeadm kubectl cri-tools kubernetes-cni";

	test.each([
		["[main]\ngpgcheck=1\n", `[main]\nexcludepkgs=${excluded}\ngpgcheck=1\n`],
		["[main]\ngpgcheck=1\n[own]\nenabled=1\n", `[main]\nexcludepkgs=${excluded}\ngpgcheck=1\n[own]\nenabled=1\n`],
		["[main]\nexclude=kernel*\n", `[main]\nexclude=kernel* ${excluded}\n`],
		["[main]\nexcludepkgs = kernel*\n", `[main]\nexcludepkgs = kernel* ${excluded}\n`],
		["", `[main]\nexcludepkgs=${excluded}\n`],
	])("are excluded in dnf's configuration %j", async (before, after) => {
		const { call, folder } = await setup(ROCKY, { dnf: "echo kubeadm-1.34.3" });
		const config = join(folder, "dnf.conf");
		writeFileSync(config, before);
		expect(call("node.sh", `hold_rhel ${config}`)).toMatchObject({ status: 0, stderr: "" });
		expect(readFileSync(config, "utf8")).toBe(after);
	});

	test("are left to the repository where that excludes them", async () => {
		const { call, folder } = await setup(ROCKY, { dnf: "" });
		const config = join(folder, "dnf.conf");
		expect(call("node.sh", `hold_rhel ${config}`)).toMatchObject({ status: 0, stderr: "" });
		expect(existsSync(config)).toBe(false);
	});
});

test("each series has a repository of its own, which excludes what no update is to take", async () => {
	const { call } = await setup(ROCKY);
	const variables = {
		kubernetes_series: "v1.34",
		kubernetes_other_series: "v1.33",
		kubernetes_rpm_gpg_key: "https://k/1 https://k/2",
	};
	const { stdout } = call("node.sh", "repos https://pkgs.k8s.io/core:/stable:/v1.34/rpm/", variables);
	expect(stdout.split("\n").filter((line) => /^(\[|baseurl)/.test(line))).toEqual([
		"[kubernetes]",
		"baseurl=https://pkgs.k8s.io/core:/stable:/v1.34/rpm/",
		"[kubernetes-v1.33]",
		"baseurl=https://pkgs.k8s.io/core:/stable:/v1.33/rpm/",
	]);
	expect(stdout.match(/^gpgkey=https:\/\/k\/1 https:\/\/k\/2$/gm)).toHaveLength(2);
	expect(stdout.match(/^exclude=.*kubeadm/gm)).toHaveLength(2);
});

test("whole packages take the place of minimal ones", async () => {
	const { call, log } = await setup(ROCKY, { dnf: 'echo "$*" >>"$LOG"' });
	expect(call("common.sh", "install_packages curl jq").status).toBe(0);
	expect(log()).toEqual(["-y -q --setopt=install_weak_deps=False --setopt=retries=3 install --allowerasing curl jq"]);
});

test("runc comes with containerd.io, which conflicts with another one", async () => {
	const asked = async (release: string, programs: Readonly<Record<string, string>>) => {
		const { call, log } = await setup(release, programs);
		expect(call("base-os.sh", "apt_lists() { :; }; packages").status).toBe(0);
		return log().find((line) => line.includes(" install ")) ?? "";
	};
	const write = 'echo "$*" >>"$LOG"';
	expect(await asked(ROCKY, { dnf: write })).not.toMatch(/ runc( |$)/);
	expect(await asked(DEBIAN, { "apt-get": write })).toMatch(/ runc( |$)/);
});

test.each([
	["rocky", "centos"],
	["almalinux", "centos"],
	["centos", "centos"],
	["rhel", "rhel"],
	["fedora", "fedora"],
])("containerd.io for %s is Docker's for %s", async (id, repository) => {
	const { call, folder, log } = await setup(`ID=${id}\nID_LIKE="rhel fedora"\n`, {
		curl: 'echo "$*" >>"$LOG"; while [ "$1" != -o ]; do shift; done; echo "$3" >"$2"',
	});
	const variables = { NODEBUILD_YUM_REPOS: folder };
	expect(call("node.sh", "docker_repository", variables)).toMatchObject({ status: 0, stderr: "" });
	expect(log()).toHaveLength(1);
	expect(readFileSync(join(folder, "docker-ce.repo"), "utf8")).toBe(
		`https://download.docker.com/linux/${repository}/docker-ce.repo\n`,
	);
});

test("Docker's repository is not asked where public ones are disabled", async () => {
	const { call, folder } = await setup(ROCKY, { curl: 'echo "$*" >>"$LOG"' });
	const variables = { NODEBUILD_YUM_REPOS: join(folder, "repos"), disable_public_repos: "true" };
	mkdirSync(variables.NODEBUILD_YUM_REPOS);
	expect(call("node.sh", "docker_repository", variables)).toMatchObject({
		status: 1,
		stderr: expect.stringMatching(/containerd\.io.*extra_repos/),
	});
});

test("a registration with Red Hat is given up", async () => {
	const { call, log } = await setup(ROCKY, { "subscription-manager": 'echo "$*" >>"$LOG"' });
	expect(call("finish.sh", "unregister").status).toBe(0);
	expect(log()).toEqual(["identity", "unregister", "clean"]);
});
