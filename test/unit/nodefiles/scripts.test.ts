/** The scripts under nodefiles/, run by this host's sh with programs of the test's own on PATH. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { DEBIAN, ROCKY, SCRIPTS, setup } from "./setup.ts";

const names = readdirSync(SCRIPTS);

test.each(names)("%s is a script that sh can read", (name) => {
	execFileSync("sh", ["-n", join(SCRIPTS, name)]);
});

describe("the family", () => {
	test.each([
		[DEBIAN, "debian"],
		["ID=ubuntu\nID_LIKE=debian\n", "debian"],
		[ROCKY, "rhel"],
		['ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "rhel"],
		["ID=fedora\n", "rhel"],
		['ID="centos"\nID_LIKE="rhel fedora"\n', "rhel"],
		['ID="amzn"\nID_LIKE="fedora"\n', "rhel"],
	])("of %j is %s", async (release, family) => {
		const { call } = await setup(release);
		expect(call("common.sh", "family")).toMatchObject({ status: 0, stdout: family });
	});

	test.each(["base-os.sh packages", "node.sh runtime"])(
		"of another system ends %s at its beginning",
		async (command) => {
			const { folder } = await setup("ID=alpine\n");
			const [script = "", word = ""] = command.split(" ");
			const env = { PATH: "/usr/bin:/bin", NODEBUILD_LIB: SCRIPTS, NODEBUILD_OS_RELEASE: join(folder, "os-release") };
			expect(spawnSync("sh", [join(SCRIPTS, script), word], { env, encoding: "utf8" })).toMatchObject({
				status: 1,
				stdout: "",
				stderr: "nodebuild: expected a system of the Debian or the RHEL family, got alpine\n",
			});
		},
	);

	test("of another system is refused", async () => {
		const { call } = await setup("ID=alpine\nPRETTY_NAME=Alpine\n");
		expect(call("common.sh", "family")).toMatchObject({
			status: 1,
			stderr: "nodebuild: expected a system of the Debian or the RHEL family, got Alpine",
		});
	});
});

test.each([
	["exit 0", / yq$/],
	["exit 100", /guest-utils$/],
])("yq is installed where the repositories have it (apt-cache: %s)", async (answer, last) => {
	const { call, log } = await setup(DEBIAN, { "apt-cache": answer, "apt-get": 'echo "$@" >>"$LOG"' });
	expect(call("base-os.sh", "APT_LISTS=$LOG-lists; packages")).toMatchObject({ status: 0 });
	expect(log().find((line) => line.includes("install"))).toMatch(last);
});

test("versions are compared as package managers do", async () => {
	const { call } = await setup(DEBIAN);
	const lower = (a: string, b: string) => call("common.sh", `lower ${a} ${b}`).status === 0;
	expect([lower("1.6.20", "1.7.0"), lower("1.10.0", "1.9.0"), lower("2.0.0", "2.0.0"), lower("1.9", "1.10")]).toEqual([
		true,
		false,
		false,
		true,
	]);
});

test("files come out of an argument as they went in", async () => {
	const { call, folder } = await setup(DEBIAN);
	const words = [
		`a.list:${Buffer.from("deb x\n").toString("base64")}`,
		`b.sources:${Buffer.from("y").toString("base64")}`,
	];
	expect(call("common.sh", `decode_files ${folder}/out ${words.join(" ")}`).status).toBe(0);
	expect(readFileSync(join(folder, "out/a.list"), "utf8")).toBe("deb x\n");
	expect(readFileSync(join(folder, "out/b.sources"), "utf8")).toBe("y");
});

test("package lists are fetched once, and again by a machine that goes on much later", async () => {
	const { call, folder, log } = await setup(DEBIAN, { "apt-get": 'echo "$*" >> "$LOG"' });
	const lists = { NODEBUILD_APT_LISTS: join(folder, "lists") };
	const fetched = () => log().filter((line) => / update$/.test(line)).length;
	for (const _ of [1, 2]) expect(call("common.sh", "apt_lists", lists).status).toBe(0);
	expect(fetched()).toBe(1);
	const hourAgo = Date.now() / 1000 - 3600;
	utimesSync(lists.NODEBUILD_APT_LISTS, hourAgo, hourAgo);
	expect(call("common.sh", "apt_lists", lists).status).toBe(0);
	expect(fetched()).toBe(2);
});

describe("packages of Kubernetes", () => {
	const madison = `printf '%s\\n' ' kubeadm | 1.34.2-1.1 | http://x' ' kubeadm | 1.34.10-1.1 | http://x' ' kubeadm | 1.34.2-1.2 | http://x'`;

	test("are the newest revision of the version", async () => {
		const { call } = await setup(DEBIAN, { "apt-cache": madison });
		expect(call("node.sh", "newest kubeadm '1.34.2-*'").stdout).toBe("1.34.2-1.2");
		expect(call("node.sh", "newest kubeadm 1.34.2-1.1").stdout).toBe("1.34.2-1.1");
	});

	test("of a version without a revision are of no version that begins with it", async () => {
		const versions = "1.34.20-1.1 1.34.2-1.1 1.7.24~ds1-1 1.7.2~ds1-6 1.7.2.1-1";
		const { call } = await setup(DEBIAN, {
			"apt-cache": `for v in ${versions}; do echo " x | $v | http://x"; done`,
		});
		const newest = (pattern: string) => call("node.sh", `newest x '${pattern}'`);
		expect(newest("1.34.2").stdout).toBe("1.34.2-1.1");
		expect(newest("1.34.2-*").stdout).toBe("1.34.2-1.1");
		expect(newest("1.34.20").stdout).toBe("1.34.20-1.1");
		expect(newest("1.7.2").stdout).toBe("1.7.2~ds1-6");
		expect(newest("1.7.24").stdout).toBe("1.7.24~ds1-1");
		expect(newest("1.34.2-1").status).toBe(1);
	});

	test.each([
		[
			"https://pkgs.k8s.io/core:/stable:/v1.34/deb/",
			[
				"https://pkgs.k8s.io/core:/stable:/v1.34/deb/ /",
				"https://pkgs.k8s.io/core:/stable:/v1.32/deb/ /",
				"https://pkgs.k8s.io/core:/stable:/v1.33/deb/ /",
			],
		],
		["https://a.org/v1.34/deb/", ["https://a.org/v1.34/deb/ /"]],
		["https://a.org/ kubernetes-xenial main", ["https://a.org/ kubernetes-xenial main"]],
	])("come from %s and, of other series, from upstream's repositories of these", async (repository, lines) => {
		const { call } = await setup(DEBIAN);
		const series = { kubernetes_series: "v1.34", kubernetes_other_series: "v1.32 v1.33" };
		expect(call("node.sh", `sources '${repository}'`, series).stdout.split("\n")).toEqual(
			lines.map((line) => `deb [signed-by=/etc/apt/keyrings/kubernetes.gpg] ${line}`),
		);
	});

	test("that the repository has not are refused with those it has", async () => {
		const { call } = await setup(DEBIAN, { "apt-cache": madison });
		const refused = call("node.sh", "newest kubeadm '1.33.1-*'");
		expect(refused.status).not.toBe(0);
		expect(refused.stderr).toMatch(/no kubeadm 1\.33\.1-\*; they have: 1\.34\.10-1\.1 1\.34\.2-1\.2 1\.34\.2-1\.1/);
	});

	test.each([
		["", "containerd"],
		["1.6.20", "containerd=1.6.20~ds1-1"],
		["1.7.27", "containerd.io=1.7.27-1"],
	])("come with containerd %s from the package that has it: %s", async (version, word) => {
		const has =
			"$1.$2 in madison.containerd) echo ' x | 1.6.20~ds1-1 | http://x';; madison.containerd.io) echo ' x | 1.7.27-1 | http://x'";
		const { call } = await setup(DEBIAN, { "apt-cache": `case ${has};; esac` });
		expect(call("node.sh", "containerd_debian", { containerd_version: version }).stdout).toBe(word);
	});

	test("do not come with a containerd that no package has", async () => {
		const has = "$1.$2 in madison.containerd) echo ' x | 1.6.20~ds1-1 | http://x'";
		const { call } = await setup(DEBIAN, { "apt-cache": `case ${has};; esac`, "apt-get": "echo apt-get $*" });
		const refused = call("node.sh", "NODEBUILD_APT_LISTS=/dev/null; runtime", { containerd_version: "1.7.27" });
		expect(refused.status).not.toBe(0);
		expect(refused.stdout).not.toContain("install");
		expect(refused.stderr).toBe("nodebuild: the repositories have no containerd 1.7.27; they have: 1.6.20~ds1-1");
	});

	test("need a containerd that goes with them", async () => {
		const { call } = await setup(DEBIAN, {
			containerd: "echo 'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1'",
		});
		const refused = call("node.sh", "kubernetes", {
			KUBERNETES_VERSION: "1.36.0",
			containerd_from: "2.0.0",
			containerd_before: "3.0.0",
		});
		expect(refused).toMatchObject({
			status: 1,
			stderr: expect.stringContaining(
				"expected a containerd from 2.0.0 and below 3.0.0 for Kubernetes 1.36.0, got 1.6.20",
			),
		});
	});
});

describe("containerd's configuration", () => {
	test.each([
		["containerd containerd.io 1.7.28 abc", "version = 2", 'sandbox_image = "registry.k8s.io/pause:3.9"'],
		[
			"containerd github.com/containerd/containerd/v2 v2.1.4 abc",
			"version = 3",
			'sandbox = "registry.k8s.io/pause:3.9"',
		],
	])("of %s has %s", async (version, format, pause) => {
		const { call } = await setup(DEBIAN, { containerd: `echo '${version}'` });
		const { stdout } = call("node.sh", "containerd_config registry.k8s.io/pause:3.9");
		const lines = stdout.split("\n");
		expect(lines).toContain('imports = ["/etc/containerd/conf.d/*.toml"]');
		expect(lines).toContain(format);
		expect(lines).toContain(pause);
		expect(lines).toContain("SystemdCgroup = true");
	});
});

describe("additional settings of containerd", () => {
	const config = 'imports = ["/etc/containerd/conf.d/*.toml"]\nversion = 2\n[plugins."cri"]\nsandbox_image = "pause"\n';
	const table = '[plugins."cri".containerd.runtimes.kata]\nruntime_type = "kata"\n';

	async function take(settings: string, before = config) {
		const { call, folder } = await setup(DEBIAN);
		const [main, extra] = [join(folder, "config.toml"), join(folder, "50-additional.toml")];
		writeFileSync(main, before);
		writeFileSync(extra, settings);
		expect(call("node.sh", `take_in ${main} ${extra}`)).toMatchObject({ status: 0, stderr: "" });
		return { config: readFileSync(main, "utf8"), left: existsSync(extra) };
	}

	test.each([`version = 2\noom_score = -999\n${table}`, `oom_score = -999\n${table}`])(
		"of its version become a part of its one file: %j",
		async (settings) => {
			expect(await take(settings)).toEqual({ config: `oom_score = -999\n${config}${table}`, left: false });
		},
	);

	test("join a table that is there already; what they say in it counts", async () => {
		const settings = `  [plugins."cri"]  \n  sandbox_image = "own"\n  other = 1\n${table}[[array]]\na = 1\n[[array]]\na = 2\n`;
		expect(await take(settings)).toEqual({
			config: `imports = ["/etc/containerd/conf.d/*.toml"]\nversion = 2\n[plugins."cri"]\n  sandbox_image = "own"\n  other = 1\n${table}[[array]]\na = 1\n[[array]]\na = 2\n`,
			left: false,
		});
	});

	test("with mirrors of their own take the place of the folder of mirrors", async () => {
		const mirrors = '[plugins."cri".registry.mirrors."docker.io"]\nendpoint = ["https://mirror.example.org"]\n';
		const registry = '[plugins."cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n';
		expect((await take(mirrors, `${config}${registry}`)).config).toBe(`${config}[plugins."cri".registry]\n${mirrors}`);
	});

	test.each([
		`[plugins.'cri']`,
		`[ "plugins" . "cri" ]`,
		`  [plugins."cri"]  # ours ]`,
		`[plugins.cri]#x`,
		`[plugins . 'cri'] # it's "so"`,
	])("join a table whose header they write %s", async (header) => {
		const { config: after } = await take(`${header}\n"sandbox_image" = 'own'\nother = 1 # x\n`);
		expect(parse(after)).toEqual({
			imports: ["/etc/containerd/conf.d/*.toml"],
			version: 2,
			plugins: { cri: { sandbox_image: "own", other: 1 } },
		});
	});

	test("join a table whose header is in other quotes in the configuration", async () => {
		const { call } = await setup(DEBIAN, { containerd: "echo 'containerd x v2.1.4 x'" });
		const { stdout } = call("node.sh", "containerd_config registry.k8s.io/pause:3.9");
		const table = '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options] # ours\n';
		const mirror = `[plugins."io.containerd.cri.v1.images".registry.mirrors.'docker.io']\nendpoint = []\n`;
		const { config: after } = await take(`${table}SystemdCgroup = false\n${mirror}`, `${stdout}\n`);
		expect(parse(after)).toMatchObject({
			plugins: {
				"io.containerd.cri.v1.images": { registry: { mirrors: { "docker.io": { endpoint: [] } } } },
				"io.containerd.cri.v1.runtime": {
					containerd: {
						runtimes: { runc: { options: { SystemdCgroup: false }, runtime_type: "io.containerd.runc.v2" } },
					},
				},
			},
		});
		expect(after).not.toContain("config_path");
	});

	test("with a name that only has that of mirrors in it leave the folder of mirrors", async () => {
		const registry = '[plugins."cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n';
		const table = '[plugins."registry.mirrors"]\na = 1\n';
		expect((await take(table, `${config}${registry}`)).config).toBe(`${config}${registry}${table}`);
	});

	test.each(["imports", '"imports"'])("take the place of what is said before any table, as %s", async (key) => {
		const settings = `${key} = [\n  "/etc/own/*.toml"\n]\nversion = 2\n`;
		expect((await take(settings)).config).toBe(
			`${key} = [\n  "/etc/own/*.toml"\n]\n${config.split("\n").slice(1).join("\n")}`,
		);
	});

	test("are of the version that stands before any table", async () => {
		const table = '[plugins."x"]\nversion = 3\n';
		expect(await take(table)).toEqual({ config: `${config}${table}`, left: false });
		expect((await take(`"version" = 3\n${table}`)).left).toBe(true);
	});

	test("of another version stay a file of their own", async () => {
		expect(await take(`version = 3\n${table}`)).toEqual({ config, left: true });
	});
});

describe("the kubelet's cgroup driver", () => {
	const drop = "20-cgroup-driver.conf";
	test.each([
		["v1.20", "      SystemdCgroup = true", true],
		["v1.21", "SystemdCgroup = true", true],
		["v1.20", "SystemdCgroup = false", false],
		["v1.22", "SystemdCgroup = true", false],
		["v1.34", "SystemdCgroup = true", false],
	])("of %s with %j is given to it: %s", async (kubernetes_series, config, given) => {
		const { call, folder } = await setup(DEBIAN);
		writeFileSync(join(folder, "config.toml"), `${config}\n`);
		const code = `cgroup_driver ${folder}/config.toml ${folder}/kubelet.service.d`;
		expect(call("node.sh", code, { kubernetes_series })).toMatchObject({ status: 0, stderr: "" });
		expect(existsSync(join(folder, "kubelet.service.d", drop))).toBe(given);
	});
});

describe("what is fetched by address", () => {
	/** Arguments to the log, the configuration to a file beside it. */
	const curl = 'echo "$*" >>"$LOG"; cat >>"$LOG.config"; while [ "$1" != -o ]; do shift; done; echo "$3" >"$2"';

	test.each([
		["https://files.example.org/a.tar", 'user = "me:se cret\\\\\\"x"\n'],
		["https://files.example.org:8443/a.tar?x=1", 'user = "you:other"\n'],
		["https://Files.Example.org:443/a.tar", 'user = "me:se cret\\\\\\"x"\n'],
		["http://files.example.org?x", 'user = "me:se cret\\\\\\"x"\n'],
		["https://example.org/files.example.org/a.tar", ""],
		["https://evil.example.org#files.example.org", ""],
	])("%s comes with the password of its host, which is in no argument and no output", async (address, config) => {
		const { call, folder, log } = await setup(DEBIAN, { curl });
		const secret = join(folder, "secret");
		writeFileSync(secret, 'files.example.org me:se cret\\"x\n\nfiles.example.org:8443 you:other');
		const variables = { NODEBUILD_DOWNLOAD_SECRET: secret };
		expect(call("common.sh", `download ${folder}/out '${address}'`, variables)).toEqual({
			status: 0,
			stdout: "",
			stderr: "",
		});
		expect(log()).toEqual([`-fsSL --retry 3 -K - -o ${folder}/out ${address}`]);
		expect(readFileSync(join(folder, "log.config"), "utf8")).toBe(config);
	});

	test("comes with it from a file of Windows, with comments and empty lines", async () => {
		const { call, folder } = await setup(DEBIAN, { curl });
		const secret = join(folder, "secret");
		writeFileSync(secret, "# files\r\n\r\n  # files.example.org no:thing\r\nfiles.example.org me:se#cret\r\n\r\n");
		const variables = { NODEBUILD_DOWNLOAD_SECRET: secret };
		const got = call("common.sh", `download ${folder}/out https://files.example.org/a`, variables);
		expect(got).toMatchObject({ status: 0, stderr: "" });
		expect(readFileSync(join(folder, "log.config"), "utf8")).toBe('user = "me:se#cret"\n');
		expect(call("common.sh", `login_of '#' ${secret}`).stdout).toBe("");
	});

	test("comes without one where there is no secret", async () => {
		const { call, folder } = await setup(DEBIAN, { curl });
		const variables = { NODEBUILD_DOWNLOAD_SECRET: join(folder, "none") };
		expect(call("common.sh", `download ${folder}/out https://example.org/a`, variables).status).toBe(0);
		expect(readFileSync(join(folder, "log.config"), "utf8")).toBe("");
	});

	test("that cannot be fetched ends the step, by its name", async () => {
		const { call, folder } = await setup(DEBIAN, { curl: "exit 22" });
		const variables = {
			executables: "https://example.org/tool",
			additional_executables_destination_path: join(folder, "bin"),
		};
		expect(call("finish.sh", "executables", variables)).toMatchObject({
			status: 1,
			stderr: "nodebuild: cannot fetch https://example.org/tool",
		});
	});

	test("is asked with the password by a real curl", async () => {
		const { folder } = await setup(DEBIAN);
		const asked: (string | undefined)[] = [];
		const server = createServer((request, response) => {
			asked.push(request.headers.authorization);
			response.end("content");
		});
		await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
		const { port } = server.address() as AddressInfo;
		writeFileSync(join(folder, "secret"), `127.0.0.1:${port} me:se"cr\\et\n`);
		const text = readFileSync(join(SCRIPTS, "common.sh"), "utf8");
		const child = spawn("sh", ["-c", `${text}\ndownload ${folder}/out http://127.0.0.1:${port}/a.tar`], {
			env: {
				PATH: "/usr/bin:/bin",
				NODEBUILD_OS_RELEASE: join(folder, "os-release"),
				NODEBUILD_DOWNLOAD_SECRET: join(folder, "secret"),
			},
		});
		const status = await new Promise((done) => child.on("close", done));
		server.close();
		expect(status).toBe(0);
		expect(asked).toEqual([`Basic ${btoa('me:se"cr\\et')}`]);
		expect(readFileSync(join(folder, "out"), "utf8")).toBe("content");
	});
});

test.each(["worker", "control-plane", "combined"])(
	"the secret for addresses is there for images and programs of a %s",
	(role) => {
		const steps = readFileSync(`nodefiles/Nodefile.${role}`, "utf8").split("\n");
		for (const script of ["prepull.sh pull", "finish.sh executables"])
			expect(steps.find((line) => line.endsWith(script))).toMatch(/^RUN .*--mount=type=secret,id=download /);
	},
);

test("additional executables lie where they were asked to", async () => {
	const { call, folder } = await setup(DEBIAN, { curl: 'while [ "$1" != -o ]; do shift; done; echo "$3" >"$2"' });
	const variables = {
		executables: "https://example.org/a/tool?version=1&sig=a/b https://example.org/other",
		additional_executables_destination_path: join(folder, "opt/tools"),
	};
	expect(call("finish.sh", "executables", variables)).toMatchObject({ status: 0, stderr: "" });
	expect(readdirSync(join(folder, "opt/tools"))).toEqual(["other", "tool"]);
	expect(statSync(join(folder, "opt/tools/tool")).mode & 0o777).toBe(0o755);
});

describe("the kubelet of a finished image", () => {
	/** What systemctl is asked to do, where the kubelet is in these states. */
	async function asked(states: string, enable: string) {
		const { call, log } = await setup(DEBIAN, {
			systemctl: `echo "$*" >>"$LOG"; case $1 in is-*) case " ${states} " in *" $1 "*) ;; *) exit 1 ;; esac ;; esac`,
		});
		// What would change this host is left out.
		const rest = "stamp() { :; }; repositories() { :; }; no_cluster() { :; }; rm() { :; }";
		expect(call("finish.sh", `${rest}; finish worker`, { kubernetes_enable_kubelet: enable }).status).toBe(0);
		return log().filter((line) => line.endsWith("kubelet") && !line.startsWith("is-"));
	}

	test.each([
		["is-enabled is-active", "", ["disable --now kubelet"]],
		["is-enabled", "false", ["disable --now kubelet"]],
		["is-active", "false", ["stop kubelet"]],
		["", "false", []],
		["is-enabled is-active", "true", []],
	])("that is [%s], with kubernetes_enable_kubelet=%s: %j", async (states, enable, expected) => {
		expect(await asked(states, enable)).toEqual(expected);
	});
});
