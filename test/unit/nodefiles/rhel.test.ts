/** What the scripts ask dnf for; scripts/k8s-rhel/dry-run.sh has it done by a real one. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { below, commandOfSuite, DEBIAN, ROCKY, SCRIPTS, setup } from "./setup.ts";

test("packages of Kubernetes are installed with dnf on the RHEL family, past what any file excludes", async () => {
	const { call, log } = await setup(ROCKY, { dnf: 'case $* in *repoquery*) exit ;; esac; echo "$*" >>"$LOG"' });
	const versions = { KUBERNETES_VERSION: "1.34.2", kubernetes_rpm_version: "1.34.2-*", KUBELET_VERSION: "1.34.1" };
	expect(call("node.sh", "stamp() { :; }; kubernetes_rhel", versions).status).toBe(0);
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
		expect(call("node.sh", `stamp() { :; }; hold_rhel ${config}`)).toMatchObject({ status: 0, stderr: "" });
		expect(readFileSync(config, "utf8")).toBe(after);
	});

	test("are left to the repository where that excludes them", async () => {
		const { call, folder } = await setup(ROCKY, { dnf: "" });
		const config = join(folder, "dnf.conf");
		expect(call("node.sh", `stamp() { :; }; hold_rhel ${config}`)).toMatchObject({ status: 0, stderr: "" });
		expect(existsSync(config)).toBe(false);
	});

	const versions = { KUBERNETES_VERSION: "1.34.2", kubernetes_rpm_version: "1.34.2-*" };
	const own = { ...versions, kubernetes_rpm_repo: "https://a.org/" };

	/** What the suite says on a machine that has been built so; `seen` is what dnf sees after all excludes. */
	async function suite(seen: string, variables: Readonly<Record<string, string>>, change?: (etc: string) => void) {
		const { call, folder } = await setup(ROCKY, { dnf: `case $* in *repoquery*) echo ${seen} ;; esac` });
		const etc = join(folder, "etc");
		for (const name of ["dnf", "yum.repos.d"]) mkdirSync(join(etc, name), { recursive: true });
		const text = below(folder, readFileSync(join(SCRIPTS, "node.sh"), "utf8")).replace(/^case \$\{1:-\}[\s\S]*/m, "");
		writeFileSync(join(folder, "node.sh"), text);
		const stamp = `stamp() { echo "$2" >${folder}/"$1"; }`;
		const code = `. ${folder}/node.sh; ${stamp}; kubernetes_rhel`;
		expect(call("common.sh", code, variables)).toMatchObject({ status: 0, stderr: "" });
		change?.(etc);
		// A system of this family has no apt-mark.
		const bin = join(folder, "rhel");
		mkdirSync(bin);
		for (const name of ["cat", "grep"]) symlinkSync(`/usr/bin/${name}`, join(bin, name));
		const command = commandOfSuite("no update takes another Kubernetes");
		const exec = below(folder, command.replaceAll("/usr/share/nodebuild/kubernetes", folder));
		return spawnSync("/bin/sh", ["-c", exec], { env: { PATH: bin }, encoding: "utf8" });
	}

	test("are looked for by the suite where the build excluded them", async () => {
		const without = (file: string) => (etc: string) =>
			writeFileSync(join(etc, file), readFileSync(join(etc, file), "utf8").replaceAll("kubelet ", ""));
		expect(await suite("", own)).toMatchObject({ status: 0, stderr: "" });
		expect(await suite("", own, without("yum.repos.d/kubernetes.repo"))).toMatchObject({ status: 1 });
		expect(await suite("kubeadm", versions)).toMatchObject({ status: 0, stderr: "" });
		expect(await suite("kubeadm", versions, without("dnf/dnf.conf"))).toMatchObject({
			status: 1,
			stderr: "kubelet is not held\n",
		});
		expect(await suite("kubeadm", versions, (etc) => rmSync(join(etc, "dnf/dnf.conf")))).toMatchObject({ status: 1 });
		expect(await suite("kubeadm", own, without("dnf/dnf.conf"))).toMatchObject({ status: 1 });
	});

	test("are not missed by the suite where the repository that excludes them is the user's, or gone", async () => {
		expect(await suite("", versions)).toMatchObject({ status: 0, stderr: "" });
		const gone = (etc: string) => rmSync(join(etc, "yum.repos.d/kubernetes.repo"));
		expect(await suite("", own, gone)).toMatchObject({ status: 0, stderr: "" });
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
