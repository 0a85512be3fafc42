import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { HOLD_SCRIPT, REMOUNT_SCRIPT } from "../../../src/image/hold.ts";
import { READ_DISKS } from "../../../src/image/mounts.ts";
import { LOOKED, residueScript, STILL } from "../../../src/image/residue.ts";
import { cleanScript, type SealOptions, sealRequest, sealScript } from "../../../src/image/seal.ts";
import { BUILD_FILES } from "../../../src/machine/build-files.ts";
import { EMPTY_CONFIG } from "../../../src/plan/types.ts";
import { runHere, syntaxErrors } from "../guest/local-guest.ts";
import { LEFT } from "./left.ts";
import { fakeRoot, type Root } from "./root.ts";

const OPTIONS: SealOptions = { config: EMPTY_CONFIG, buildFiles: BUILD_FILES };
const seal = cleanScript(OPTIONS);
const MANAGER = "sys/fs/cgroup/init.scope/cgroup.freeze";

async function residue(root: Root): Promise<string[]> {
	const { status, stdout, stderr } = await root.sh(`${READ_DISKS}${residueScript()}`);
	expect([status, stderr]).toEqual([0, ""]);
	const lines = stdout.split("\n");
	expect([STILL, LOOKED].every((line) => lines.includes(line))).toBe(true);
	return lines.filter((line) => line !== "" && line !== STILL && line !== LOOKED);
}

/** A machine with nothing left. */
async function cleanRoot(): Promise<Root> {
	const root = await fakeRoot();
	await root.put({ "etc/machine-id": "", "proc/mounts": "", "etc/hostname": "build\n" });
	return root;
}

test("all scripts are shell scripts", async () => {
	const whole = sealScript({ config: EMPTY_CONFIG, buildFiles: BUILD_FILES });
	for (const script of [whole, seal, HOLD_SCRIPT, residueScript()]) expect(await syntaxErrors(script)).toBe("");
});

describe("the table of residue", () => {
	test("finds nothing where nothing is left", async () => {
		const root = await cleanRoot();
		expect(await residue(root)).toEqual([]);
		await root.put({ "etc/machine-id": "uninitialized\n", "etc/resolv.conf": "nameserver 192.0.2.1\n" });
		expect(await residue(root)).toEqual([]);
	});

	test.each(LEFT)("finds %s by its own row: %j", async (description, files) => {
		const root = await cleanRoot();
		await root.put(files);
		const found = await residue(root);
		expect(found.length).toBeGreaterThan(0);
		for (const line of found) expect(line.startsWith(`${description}: `)).toBe(true);
	});

	test("links that lead elsewhere are no residue", async () => {
		const root = await cleanRoot();
		await root.link("var/lib/dbus/machine-id", "../../../etc/machine-id");
		await root.link("etc/resolv.conf", "../run/stub-resolv.conf");
		await root.put({ "run/stub-resolv.conf": "nameserver 10.0.2.3\n" });
		expect(await residue(root)).toEqual([]);
	});

	test("finds a file system that was not left clean", async () => {
		const root = await cleanRoot();
		// The table looks at devices below /dev only.
		const disk = `/dev/shm/nodebuild-test-${process.pid}.img`;
		onTestFinished(() => rm(disk, { force: true }));
		await runHere(["sh", "-c", `truncate -s 8M ${disk} && mke2fs -q -t ext4 ${disk}`]);
		await root.put({ "proc/mounts": `${disk} / ext4 ro 0 0\nproc /proc proc rw 0 0\n` });
		expect(await residue(root)).toEqual([]);
		await runHere(["debugfs", "-w", "-R", "feature needs_recovery", disk]);
		expect(await residue(root)).toEqual([expect.stringMatching(/^an unclean file system: .*needs recovery/)]);
	});
});

/** Two ways to the same. */
const WAYS: readonly (readonly [who: string, way: (root: Root, options?: SealOptions) => Promise<void>])[] = [
	[
		"a shell",
		async (root, options = OPTIONS) =>
			expect(await root.sh(cleanScript(options))).toMatchObject({ status: 0, stdout: "", stderr: "" }),
	],
	[
		"the program that waits",
		async (root, options = OPTIONS) => {
			await root.put({ [MANAGER]: "0\n" });
			expect(await root.byProgram(sealRequest(options))).toBe(`${STILL}\n${LOOKED}\n`);
		},
	],
];

describe.each(WAYS)("sealing by %s", (_who, sealed) => {
	test("leaves nothing of all that", async () => {
		const root = await cleanRoot();
		for (const [, files] of LEFT) await root.put(files);
		expect((await residue(root)).length).toBeGreaterThan(LEFT.length / 2);
		await sealed(root);
		expect(await residue(root)).toEqual([]);
		expect(await readdir(join(root.path, "tmp"))).toEqual([]);
		expect(await readFile(join(root.path, "etc/hostname"), "utf8")).toBe("localhost\n");
		expect(existsSync(join(root.path, "etc/ssh/ssh_host_ed25519_key.pub"))).toBe(false);
	});

	test("leaves alone what belongs to the image", async () => {
		const root = await cleanRoot();
		const kept = {
			"etc/ssh/sshd_config": "Port 22\n",
			"etc/resolv.conf": "nameserver 192.0.2.1\n",
			"etc/cloud/cloud.cfg": "users: []\n",
			"var/lib/cloud/scripts/per-boot/mine": "#!/bin/sh\n",
			"var/lib/cloud/seed/nocloud/user-data": "x",
			"home/web/app/.env": "x",
			"var/lib/app/data": "x",
			"root/.ssh/authorized_keys": "ssh-ed25519 mine\n",
		};
		await root.put(kept);
		await sealed(root);
		for (const [name, content] of Object.entries(kept)) {
			expect(await readFile(join(root.path, name), "utf8")).toBe(content);
		}
	});

	test("keeps the files of logs, and who may write them, but no word in them", async () => {
		const root = await cleanRoot();
		await root.put({
			"var/log/web/access.log": "GET /\n",
			"var/log/web/access.log.1": "GET /\n",
			"var/log/old.gz": "x",
		});
		await sealed(root);
		expect(await readFile(join(root.path, "var/log/web/access.log"), "utf8")).toBe("");
		expect(await readdir(join(root.path, "var/log/web"))).toEqual(["access.log"]);
		expect(existsSync(join(root.path, "var/log/old.gz"))).toBe(false);
	});

	test("twice is as once", async () => {
		const root = await cleanRoot();
		for (const [, files] of LEFT) await root.put(files);
		await sealed(root);
		await sealed(root);
		expect(await residue(root)).toEqual([]);
	});

	test("does not follow a link out of the logs", async () => {
		const root = await cleanRoot();
		await root.put({ "usr-doc": "text\n", "var/log/app.log": "x" });
		await root.link("var/log/README", "../../usr-doc");
		await sealed(root);
		expect(await readFile(join(root.path, "usr-doc"), "utf8")).toBe("text\n");
		expect(await readFile(join(root.path, "var/log/app.log"), "utf8")).toBe("");
	});
});

/** What is mounted, as in /proc/self/mountinfo, and what is taken away of it. */
describe.each(WAYS)("what is mounted where %s cleans", (_who, sealed) => {
	const MOUNTS = [
		"21 1 254:3 / / rw - ext4 /dev/vda3 rw",
		"22 21 0:20 / /run rw - tmpfs tmpfs rw",
		"23 21 0:40 / /tmp rw - tmpfs tmpfs rw",
		"24 23 254:3 /srv/chroot /tmp/my\\040chroot rw shared:1 - ext4 /dev/vda3 rw",
		"25 21 254:16 / /srv/data rw - ext4 /dev/vdb rw",
		"26 21 254:16 / /var/log/data rw - ext4 /dev/vdb rw",
		"27 21 254:32 / /var/log/own rw - ext4 /dev/vdc rw",
		"28 21 7:0 / /var/tmp/loop rw - ext4 /dev/loop0 rw",
		"29 21 254:3 /srv/apt /var/cache/apt rw - ext4 /dev/vda3 rw",
		"30 21 0:50 / /var/logs rw - tmpfs tmpfs rw",
		"31 21 254:3 /srv/cache /var/cache/app rw - ext4 /dev/vda3 rw",
	];

	test("goes, unless it is a disk of its own", async () => {
		const root = await fakeRoot({ umount: `echo "$*" >> "\${0%/*}/calls"` });
		const places = ["var/cache/apt", "var/lib/apt/lists", "var/lib/cloud"];
		for (const place of places) await mkdir(join(root.path, place), { recursive: true });
		const mountinfo = MOUNTS.map((line) => line.replace(/^((?:\S+ ){4})(\/\S+)/, `$1${root.path}$2`)).join("\n");
		await root.put({
			"etc/machine-id": "",
			"proc/mounts": "",
			"proc/self/mountinfo": `${mountinfo}\n`,
			"bin/calls": "",
		});
		await sealed(root);
		const calls = (await readFile(join(root.path, "bin/calls"), "utf8")).replaceAll(root.path, "").split("\n");
		// The last mounted first.
		expect(calls.indexOf("-l /tmp/my chroot")).toBeLessThan(calls.indexOf("-l /tmp"));
		expect(calls.slice(0, -1).sort()).toEqual(
			["/tmp", "/tmp/my chroot", "/var/cache/apt", "/var/log/data", "/var/tmp/loop"].map((point) => `-l ${point}`),
		);
	});

	test("is what lies behind a link, too", async () => {
		const root = await cleanRoot();
		await rm(join(root.path, "var/log"), { recursive: true });
		await root.link("var/log", `${root.path}/srv/log`);
		await root.put({ "srv/log/app.log": "text\n", "srv/log/journal/id/system.journal": "x" });
		await sealed(root);
		expect(await readFile(join(root.path, "srv/log/app.log"), "utf8")).toBe("");
		expect(await readdir(join(root.path, "srv/log/journal"))).toEqual([]);
		await root.put({ "srv/log/app.log": "text\n" });
		expect(await residue(root)).toEqual([`logs: ${root.path}/var/log/app.log`]);
	});
});

describe("sealing by a shell", () => {
	test("looks at the disks that are mounted once some were taken away", async () => {
		const umount = `root=\${0%/bin/*}; echo "/dev/vda3 / ext4 rw 0 0" > "$root/proc/mounts"`;
		const root = await fakeRoot({ umount });
		await root.put({
			"etc/machine-id": "",
			"proc/mounts": "/dev/vda3 / ext4 rw 0 0\n/dev/loop0 /tmp/a ext4 rw 0 0\n",
			"proc/self/mountinfo": `28 21 7:0 / ${root.path}/tmp/a rw - ext4 /dev/loop0 rw\n`,
		});
		const { stdout } = await root.sh(`${seal}printf %s "$disks"\n`);
		expect(stdout).toBe("/dev/vda3 / ext4 rw 0 0\n");
	});

	test("says so where nothing can be found, and does nothing", async () => {
		const root = await cleanRoot();
		await root.put({ "tmp/a": "" });
		const { status, stdout } = await root.sh(`command() { false; }\n${seal}`);
		expect([status, stdout]).toEqual([0, expect.stringContaining("no find(1)")]);
		expect(existsSync(join(root.path, "tmp/a"))).toBe(true);
	});

	test("fails when the configuration cannot be written", async () => {
		const root = await cleanRoot();
		await root.put({ "etc/profile.d": "a file where a folder belongs" });
		const config = { ...EMPTY_CONFIG, env: [["A", "1"]] as const };
		expect((await root.sh(cleanScript({ config, buildFiles: [] }))).status).not.toBe(0);
	});

	test("stops what writes, but not what it stands on", async () => {
		const units = ["nginx.service", "nodebuild-entrypoint.service", "nodebuild-sshd.service", "systemd-udevd.service"];
		const list = units.map((unit) => `echo "${unit} loaded active running x"`).join("; ");
		const root = await fakeRoot();
		await root.put({
			"bin/systemctl": `#!/bin/sh\ncase $1 in list-units) ${list} ;; *) echo "$@" >> "\${0%/*}/calls" ;; esac\n`,
		});
		await root.sh(seal);
		const [first = ""] = (await readFile(join(root.path, "bin/calls"), "utf8")).split("\n");
		expect(first).toBe("stop nginx.service nodebuild-entrypoint.service");
	});

	test("with cgroup v2 stops the services that have processes, and then holds the manager", async () => {
		const root = await cleanRoot();
		const group = (name: string, populated: boolean) => ({
			[`sys/fs/cgroup/system.slice/${name}/cgroup.events`]: `populated ${populated ? 1 : 0}\nfrozen 0\n`,
		});
		await root.put({
			"sys/fs/cgroup/init.scope/cgroup.freeze": "0\n",
			"var/log/app.log": "",
			...group("database.service", true),
			...group("system-app.slice/app@1.service", true),
			...group("cloud-final.service", false),
			...group("nodebuild-sshd.service", true),
			...group("systemd-journald.service", true),
			...group("nginx.service", true),
			...group("ssh.service", true),
			...group("systemd-mine.service", true),
			"etc/systemd/system/systemd-mine.service": "[Service]\n",
			"sys/fs/cgroup/own.slice/own-part.slice/part.service/cgroup.events": "populated 1\n",
			"sys/fs/cgroup/system.slice/ssh.service/cgroup.kill": "",
			"sys/fs/cgroup/system.slice/database.service/cgroup.kill": "",
			"bin/systemctl": `#!/bin/sh\necho "$@" >> "\${0%/*}/calls"\n`,
		});
		expect(await root.sh(seal)).toMatchObject({ status: 0, stderr: "" });
		const stopped = (await readFile(join(root.path, "bin/calls"), "utf8")).trim().split(" ").sort();
		expect(stopped).toEqual(["app@1.service", "database.service", "part.service", "stop", "systemd-mine.service"]);
		const killed = (name: string) =>
			readFile(join(root.path, `sys/fs/cgroup/system.slice/${name}/cgroup.kill`), "utf8");
		expect([await killed("ssh.service"), await killed("database.service")]).toEqual(["1\n", ""]);
		expect(await readFile(join(root.path, "sys/fs/cgroup/init.scope/cgroup.freeze"), "utf8")).toBe("1\n");
	});

	test("with cgroup v2 tells what is left to end, web servers among it, unless their units were changed", async () => {
		const root = await cleanRoot();
		const server = spawn("sleep", ["60"]);
		const ended = new Promise((resolve) => server.once("exit", (_status, signal) => resolve(signal)));
		const group = (name: string) => ({ [`sys/fs/cgroup/system.slice/${name}/cgroup.events`]: "populated 1\n" });
		await root.put({
			"sys/fs/cgroup/init.scope/cgroup.freeze": "0\n",
			"var/log/app.log": "",
			...group("nginx.service"),
			...group("httpd.service"),
			"etc/systemd/system/httpd.service.d/own.conf": "[Service]\nExecStopPost=/usr/bin/true\n",
			[`proc/${server.pid}/exe`]: "",
			[`proc/${server.pid}/cgroup`]: "0::/system.slice/nginx.service\n",
			// As if it had ended by the first look.
			[`proc/${server.pid}/stat`]: `${server.pid} (nginx) Z 1\n`,
			"bin/systemctl": `#!/bin/sh\necho "$@" >> "\${0%/*}/calls"\n`,
		});
		expect(await root.sh(seal)).toMatchObject({ status: 0, stderr: "" });
		expect(await readFile(join(root.path, "bin/calls"), "utf8")).toBe("stop httpd.service\n");
		expect(await ended).toBe("SIGTERM");
	});

	test("lets the programs be that write the configuration meanwhile", async () => {
		// A child of the shell that configures; what is to end is told so once it can be seen.
		const mkdir = [
			`root=\${0%/bin/*} proc=\${0%/bin/*}/proc/$$`,
			'/bin/mkdir "$proc"',
			': > "$proc/exe"; echo 0::/system.slice/nodebuild-sshd.service > "$proc/cgroup"; cat /proc/$$/stat > "$proc/stat"',
			'read -r word < "$root/sys/fs/cgroup/init.scope/cgroup.freeze"',
			"/bin/sleep 0.5",
			'rm -r "$proc"',
			'exec /bin/mkdir "$@"',
		];
		const root = await fakeRoot({ mkdir: mkdir.join("\n") });
		await root.put({
			"proc/mounts": "",
			"etc/profile.d/app.sh": "",
			"var/log/app.log": "",
			"sys/fs/cgroup/init.scope/other": "",
		});
		spawnSync("mkfifo", [join(root.path, "sys/fs/cgroup/init.scope/cgroup.freeze")]);
		const config = { ...EMPTY_CONFIG, env: [["A", "1"]] as const };
		expect(await root.sh(cleanScript({ config, buildFiles: [] }))).toMatchObject({ status: 0, stderr: "" });
		const manager = join(root.path, "etc/systemd/system.conf.d/50-nodebuild-env.conf");
		expect(await readFile(manager, "utf8")).toContain("A=1");
	});
});

describe("what keeps all file systems still", () => {
	const calls = `echo "\${0##*/} $*" >> "\${0%/*}/calls"`;
	const TYPES =
		"/dev/vda1 / ext4 rw,relatime 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/vda15 /boot/efi vfat rw,relatime 0 0\n";
	/** @param mounts as in /proc/mounts */
	async function hold(mounts: string, programs: Readonly<Record<string, string>> = {}) {
		const root = await fakeRoot({ fsfreeze: calls, mount: calls, sleep: "exit 0", ...programs });
		await root.put({ "proc/mounts": mounts, "bin/calls": "" });
		const answer = await root.sh(`${READ_DISKS}${HOLD_SCRIPT}`);
		const made = (await readFile(join(root.path, "bin/calls"), "utf8")).replaceAll(root.path, "");
		const triggered = existsSync(join(root.path, "proc/sysrq-trigger"));
		return { answer, calls: made.split("\n").slice(0, -1), triggered };
	}

	test("is freezing where there is nothing but ext4 and FAT, the last mounted first", async () => {
		const { answer, calls: made, triggered } = await hold(TYPES);
		expect(answer).toMatchObject({ status: 0, stderr: "" });
		expect([...made].sort()).toEqual(["fsfreeze -f /", "mount -o remount,ro /boot/efi"]);
		expect(triggered).toBe(false);
	});

	test("takes each disk once, read-only ones not at all, and names with spaces", async () => {
		const mounts = "/dev/vda1 / ext4 rw 0 0\n/dev/vda1 /srv ext4 rw 0 0\n/dev/loop0 /snap squashfs ro,nodev 0 0\n";
		const { calls: made } = await hold(`${mounts}/dev/vdb /my\\040data ext4 rw,noatime 0 0\n`);
		// Neither lies in a file of the other: both at once, in any order.
		expect([...made].sort()).toEqual(["fsfreeze -f /my data", "fsfreeze -f /srv"]);
	});

	test("holds what may lie in a file of another one before that one", async () => {
		const slowly = "case $2 in */image) i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done ;; esac";
		const mounts = "/dev/vda1 / ext4 rw 0 0\n/dev/loop0 /srv/image ext4 rw 0 0\n";
		const { calls: made } = await hold(mounts, { fsfreeze: `${slowly}\n${calls}` });
		expect(made).toEqual(["fsfreeze -f /srv/image", "fsfreeze -f /"]);
	});

	test("is the emergency remount where another file system is, or one cannot be frozen", async () => {
		const others = await hold("/dev/vda1 / ext4 ro 0 0\n/dev/vda2 /srv xfs rw 0 0\n");
		expect(others).toMatchObject({ triggered: true, answer: { status: 1, stderr: "still writable: /srv\n" } });
		const failing = `${calls}; case "$*" in *-f*/) exit 1 ;; esac`;
		const { calls: made, triggered } = await hold(`${TYPES}/dev/vdb /srv ext4 rw 0 0\n`, { fsfreeze: failing });
		expect(triggered).toBe(true);
		expect(made.at(-1)).toBe("fsfreeze -u /srv");
	});
});

describe("the remount", () => {
	const remount = `${READ_DISKS}${REMOUNT_SCRIPT}remount\n`;

	test("is over once no disk is writable", async () => {
		const root = await cleanRoot();
		await root.put({ "proc/mounts": "/dev/vda1 / ext4 ro,relatime 0 0\ntmpfs /run tmpfs rw 0 0\n" });
		expect(await root.sh(remount)).toMatchObject({ status: 0, stderr: "" });
		expect(await readFile(join(root.path, "proc/sysrq-trigger"), "utf8")).toBe("u\n");
	});

	test("says what is still writable", async () => {
		const root = await fakeRoot({ sleep: "exit 0" });
		await root.put({ "proc/mounts": "/dev/vda1 / ext4 ro,relatime 0 0\n/dev/vda15 /boot/efi vfat rw,relatime 0 0\n" });
		const answer = await root.sh(remount);
		expect(answer).toMatchObject({ status: 1, stderr: "still writable: /boot/efi\n" });
	});
});
