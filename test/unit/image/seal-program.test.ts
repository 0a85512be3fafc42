/** The program that waits in frozen guests seals one: what it does in another way than a shell, and what it leaves to that. */
import { spawn, spawnSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readContents } from "../../../src/image/contents.ts";
import { LOOKED, STILL } from "../../../src/image/residue.ts";
import { sealRequest } from "../../../src/image/seal.ts";
import { BUILD_FILES } from "../../../src/machine/build-files.ts";
import { EMPTY_CONFIG } from "../../../src/plan/types.ts";
import { runHere } from "../guest/local-guest.ts";
import { LEFT } from "./left.ts";
import { fakeRoot, type Root } from "./root.ts";

const CALLS = `echo "\${0##*/} $*" >> "\${0%/*}/calls"`;
const MANAGER = "sys/fs/cgroup/init.scope/cgroup.freeze";
const REQUEST = sealRequest({ config: EMPTY_CONFIG, buildFiles: BUILD_FILES });

/** What is printed where nothing is left. */
const CLEAN = `${STILL}\n${LOOKED}\n`;

/** A machine with nothing left, systemd and cgroup v2. */
async function machine(mounts = "", programs: Readonly<Record<string, string>> = {}): Promise<Root> {
	const root = await fakeRoot({ systemctl: CALLS, fsfreeze: CALLS, mount: CALLS, ...programs });
	await root.put({ "etc/machine-id": "", "proc/mounts": mounts, [MANAGER]: "0\n", "bin/calls": "" });
	return root;
}

async function callsOf(root: Root): Promise<string[]> {
	return (await readFile(join(root.path, "bin/calls"), "utf8")).replaceAll(root.path, "").split("\n").slice(0, -1);
}

/** A process of this host's as one of the machine's. */
async function processIn(root: Root, group: string, ended = false) {
	const child = spawn("sleep", ["60"]);
	onTestFinished(() => void child.kill("SIGKILL"));
	const { pid } = child;
	const signal = new Promise((resolve) => child.once("exit", (_status, number) => resolve(number)));
	await root.put({ [`proc/${pid}/exe`]: "", [`proc/${pid}/cgroup`]: `0::/${group}\n` });
	// As if it had ended by the first look; or for ever at work.
	await root.put({ [`proc/${pid}/stat`]: `${pid} (a b) c) ${ended ? "Z" : "S"} 1 1 1\n` });
	return { signal };
}

describe("the end of what runs", () => {
	test("stops the services that have processes and keep something, then holds the manager", async () => {
		const root = await machine();
		const group = (name: string, populated = true) => ({
			[`sys/fs/cgroup/system.slice/${name}/cgroup.events`]: `populated ${populated ? 1 : 0}\nfrozen 0\n`,
		});
		await root.put({
			...group("database.service"),
			...group("system-app.slice/app@1.service"),
			...group("cloud-final.service", false),
			...group("nodebuild-sshd.service"),
			...group("systemd-journald.service"),
			...group("nginx.service"),
			...group("httpd.service"),
			...group("app.socket"),
			...group("systemd-mine.service"),
			"etc/systemd/system/systemd-mine.service": "[Service]\n",
			"sys/fs/cgroup/own.slice/own-part.slice/part.service/cgroup.events": "populated 1\n",
			"etc/systemd/system/httpd.service.d/own.conf": "[Service]\nExecStopPost=/usr/bin/true\n",
		});
		expect(await root.byProgram(REQUEST)).toBe(CLEAN);
		const [stop = "", ...others] = await callsOf(root);
		expect(stop.split(" ").sort()).toEqual([
			...["app@1.service", "database.service", "httpd.service", "part.service", "stop", "systemctl"],
			"systemd-mine.service",
		]);
		expect(others).toEqual([]);
		expect(await readFile(join(root.path, MANAGER), "utf8")).toBe("1");
	});

	test("ends what keeps nothing at once, and tells the others to end", async () => {
		const root = await machine();
		const plain = await processIn(root, "system.slice/systemd-udevd.service/udev", true);
		const web = await processIn(root, "system.slice/nginx.service", true);
		const left = await processIn(root, "system.slice/nodebuild-sshd.service", true);
		expect(await root.byProgram(REQUEST)).toBe(CLEAN);
		expect(await Promise.all([plain.signal, web.signal, left.signal])).toEqual(["SIGKILL", "SIGTERM", "SIGTERM"]);
	});

	test("ends what does not end by itself, and leaves it to a shell to say so", async () => {
		const root = await machine();
		const child = spawn("sh", ["-c", 'trap "" TERM; echo; sleep 60'], { stdio: ["ignore", "pipe", "ignore"] });
		onTestFinished(() => void child.kill("SIGKILL"));
		await new Promise((resolve) => child.stdout.once("data", resolve));
		const signal = new Promise((resolve) => child.once("exit", (_status, number) => resolve(number)));
		await root.put({ [`proc/${child.pid}/exe`]: "", [`proc/${child.pid}/stat`]: `${child.pid} (sh) S 1 1 1\n` });
		expect(await root.byProgram(REQUEST, "PATIENCE = 0.2")).toBeUndefined();
		expect(await signal).toBe("SIGKILL");
		expect(await readFile(join(root.path, MANAGER), "utf8")).toBe("0");
	});

	test("lets the programs be that write the configuration meanwhile", async () => {
		// A child of the shell that configures; what is to end is told so once it can be seen.
		const slow = [
			`root=\${0%/bin/*} proc=\${0%/bin/*}/proc/$$`,
			'/bin/mkdir "$proc"',
			': > "$proc/exe"; echo 0::/system.slice/nodebuild-sshd.service > "$proc/cgroup"; cat /proc/$$/stat > "$proc/stat"',
			`read -r word < "$root/${MANAGER}"`,
			"/bin/sleep 0.5",
			'rm -r "$proc"',
			'exec /bin/mkdir "$@"',
		];
		const root = await machine("", { mkdir: slow.join("\n") });
		await root.put({ "etc/profile.d/app.sh": "" });
		await rm(join(root.path, MANAGER));
		spawnSync("mkfifo", [join(root.path, MANAGER)]);
		const config = { ...EMPTY_CONFIG, env: [["A", "1"]] as const };
		expect(await root.byProgram(sealRequest({ config, buildFiles: [] }))).toBe(CLEAN);
		const manager = join(root.path, "etc/systemd/system.conf.d/50-nodebuild-env.conf");
		expect(await readFile(manager, "utf8")).toContain("A=1");
	});
});

describe("what keeps all file systems still", () => {
	test("each disk once, the last mounted first, and names with spaces", async () => {
		const mounts = [
			...["/dev/vda1 / ext4 rw 0 0", "tmpfs /run tmpfs rw 0 0", "/dev/vda1 /srv ext4 rw 0 0"],
			...["/dev/loop0 /snap squashfs ro,nodev 0 0", "/dev/vdb /my\\040data\\134 ext3 rw,noatime 0 0"],
			"/dev/vda15 /boot/efi vfat rw,relatime 0 0",
		];
		const root = await machine(mounts.map((line) => `${line}\n`).join(""));
		// There is no such disk here to look at.
		expect(await root.byProgram(REQUEST, "def file_systems(disks):\n    return []")).toBe(CLEAN);
		expect(await callsOf(root)).toEqual([
			"mount -o remount,ro /boot/efi",
			"fsfreeze -f /my data\\",
			"fsfreeze -f /srv",
		]);
	});

	test.each([
		["there is another file system", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /srv xfs rw 0 0\n", "exit 0", []],
		[
			"one cannot be frozen",
			"/dev/vdb /a ext4 rw 0 0\n/dev/vdc /srv ext4 rw 0 0\n",
			'case "$*" in *a) exit 1 ;; esac',
			[...["fsfreeze -f /srv", "fsfreeze -f /a", "fsfreeze -u"]],
		],
	])("is left to a shell where %s: all goes on as before", async (_what, mounts, fsfreeze, calls) => {
		const root = await machine(mounts, { fsfreeze: `${CALLS}; ${fsfreeze}` });
		expect(await root.byProgram(REQUEST)).toBeUndefined();
		expect(await callsOf(root)).toEqual(calls);
		expect(Number(await readFile(join(root.path, MANAGER), "utf8"))).toBe(0);
	});

	test("is told where one was not left clean, and left to a shell where something is to be repaired", async () => {
		const disk = `/dev/shm/nodebuild-test-program-${process.pid}.img`;
		onTestFinished(() => rm(disk, { force: true }));
		await runHere(["sh", "-c", `truncate -s 8M ${disk} && mke2fs -q -t ext4 -O ^orphan_file ${disk}`]);
		const root = await machine(`${disk} / ext4 rw 0 0\n`);
		expect(await root.byProgram(REQUEST)).toBe(CLEAN);
		await runHere(["debugfs", "-w", "-R", "feature needs_recovery", disk]);
		expect(await root.byProgram(REQUEST)).toBe(`${STILL}\nan unclean file system: ${disk} needs recovery\n${LOOKED}\n`);
		await runHere(["debugfs", "-w", "-R", "set_super_value last_orphan 12", disk]);
		expect(await root.byProgram(REQUEST)).toBeUndefined();
	});
});

describe("what it leaves to a shell", () => {
	test("a machine without systemd, or with cgroup v1: nothing was done there", async () => {
		const root = await machine();
		await rm(join(root.path, MANAGER));
		await root.put({ "tmp/a": "" });
		expect(await root.byProgram(REQUEST)).toBeUndefined();
		expect(await readFile(join(root.path, "tmp/a"), "utf8")).toBe("");
	});

	test("what has too long a path for it, in temporary files as in logs", async () => {
		const root = await machine();
		const deep = 'import os, sys; os.chdir(sys.argv[1])\nfor _ in range(20): os.mkdir(250 * "d"); os.chdir(250 * "d")';
		for (const folder of ["tmp", "var/log"]) {
			expect(spawnSync("python3", ["-c", deep, join(root.path, folder)]).status).toBe(0);
			expect(await root.byProgram(REQUEST)).toBeUndefined();
			// node has no way down there.
			spawnSync("rm", ["-rf", join(root.path, folder)]);
			await mkdir(join(root.path, folder));
		}
		expect(await root.byProgram(REQUEST)).toBe(CLEAN);
	});

	test("a configuration that cannot be written", async () => {
		const root = await machine();
		await root.put({ "etc/profile.d": "a file where a folder belongs" });
		const config = { ...EMPTY_CONFIG, env: [["A", "1"]] as const };
		expect(await root.byProgram(sealRequest({ config, buildFiles: [] }))).toBeUndefined();
		expect(await readFile(join(root.path, MANAGER), "utf8")).toBe("0");
	});
});

describe("what it prints", () => {
	/** Nothing is removed, so that all is found. */
	const KEEPING = "def clean(plan):\n    pass\n\n\nremove_all = clean\n\n\ndef remove_cloud_state():\n    pass\n";

	test.each(LEFT)("%s by its own row of the table: %j", async (description, files) => {
		const root = await machine();
		await root.put(files);
		const [still, ...found] = ((await root.byProgram(REQUEST, KEEPING)) ?? "").split("\n").slice(0, -1);
		expect([still, found.pop()]).toEqual([STILL, LOOKED]);
		expect(found.length).toBeGreaterThan(0);
		for (const line of found) expect(line.startsWith(`${description}: `)).toBe(true);
	});

	test("no link that leads elsewhere", async () => {
		const root = await machine();
		await root.link("var/lib/dbus/machine-id", "../../../etc/machine-id");
		await root.link("etc/resolv.conf", "../run/stub-resolv.conf");
		await root.put({ "run/stub-resolv.conf": "nameserver 10.0.2.3\n" });
		expect(await root.byProgram(REQUEST)).toBe(CLEAN);
		expect(await readFile(join(root.path, "run/stub-resolv.conf"), "utf8")).toBe("nameserver 10.0.2.3\n");
	});

	test("all of a file of the kernel's, which gives a page at a time", async () => {
		const root = await machine();
		const last = [
			"def contents(*_):",
			'    with open("/proc/self/maps", "rb") as file:',
			'        lines = file.read().split(b"\\n")',
			'    more = len(b"\\n".join(lines)) > 4096',
			'    return b"%r %r\\n" % (more, content("/proc/self/maps").split(b"\\n")[-2] == lines[-2])',
		];
		expect(await root.byProgram(REQUEST, `${last.join("\n")}\n`)).toBe(`True True\n${CLEAN}`);
	});

	test("what the image holds, as a shell does", async () => {
		const root = await machine();
		const folder = join(root.path, "usr/share/nodebuild");
		await mkdir(join(folder, "kubernetes"), { recursive: true });
		const long = Array.from({ length: 3000 }, (_, index) => `${index}\n`).join("");
		const files = { images: "a:1 sha256:aa\n", packages: " a=1 \\n %s\n\nlast", "a b": "x\n", long, empty: "" };
		for (const [name, text] of Object.entries(files)) await writeFile(join(folder, "kubernetes", name), text);
		await root.link("usr/share/nodebuild/kubernetes/link", "images");
		const here = `elsewhere = contents\n\n\ndef contents(_, *others):\n    return elsewhere("${folder}", *others)\n`;
		const printed = await root.byProgram(REQUEST, here);
		const { contents, others } = readContents(printed ?? "");
		expect(others).toEqual([STILL, LOOKED]);
		expect(contents["kubernetes/long"]).toHaveLength(2000);
		expect({ ...contents, "kubernetes/long": [] }).toEqual({
			"kubernetes/images": ["a:1 sha256:aa"],
			"kubernetes/packages": [" a=1 \\n %s", "", "last"],
			"kubernetes/long": [],
		});
	});
});
