import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, readlink, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import {
	GENERATOR,
	GROUP,
	metaData,
	PASSWD,
	type SeedPurpose,
	SHADOW,
	SSHD_CONFIG,
	START_SCRIPT,
	userData,
} from "../../../../src/machine/qemu/guest-files.ts";
import { MANAGEMENT_ADDRESS, UNIT_NAME } from "../../../../src/machine/qemu/names.ts";
import { runHere, syntaxErrors } from "../../guest/local-guest.ts";
import { tempDir } from "../../system/child.ts";

/** The generator as a machine's systemd runs it, with /run in a folder of the test. */
async function generate(firstBoot = false) {
	const root = await tempDir();
	const folder = (name: string): string => join(root, name);
	await Promise.all(["normal", "early", "late"].map((name) => mkdir(folder(name))));
	if (firstBoot) await runHere(["sh", "-c", `mkdir -p "$1"; : > "$1/status.json"`, "sh", folder("run/cloud-init")]);
	const script = GENERATOR.replaceAll("/run/", `${folder("run")}/`);
	const argv = ["sh", "-s", folder("normal"), folder("early"), folder("late")];
	const answer = await runHere(argv, { stdin: script });
	expect(answer).toEqual({ status: 0, stdout: "", stderr: "" });
	return { folder, masked: await readdir(folder("early")) };
}

/** The argument of `sh -c` in the unit, as systemd hands it on (systemd.service(5)). */
function launchOf(unit: string): string {
	const line = unit.split("\n").find((text) => text.startsWith("ExecStart=")) ?? "";
	const [, quoted = ""] = /^ExecStart=\/bin\/sh -c '([^']*)'$/.exec(line) ?? [];
	return quoted.replaceAll("$$", "$").replaceAll("%%", "%");
}

function bootCommand(purpose: SeedPurpose): string {
	return JSON.parse(userData(purpose).replace(/^#.*\n/, "")).bootcmd[0][2];
}

test.each([
	["start", START_SCRIPT],
	["generator", GENERATOR],
	["bootcmd of build", bootCommand("build")],
	["bootcmd of run", bootCommand("run")],
])("%s is a shell script", async (_name, script) => {
	expect(await syntaxErrors(script)).toBe("");
});

describe("the generator", () => {
	test("masks what disturbs a build, and cloud-init from the second boot on", async () => {
		const later = await generate();
		const first = await generate(true);
		for (const unit of ["tmp.mount", "apt-daily.timer", "systemd-tmpfiles-clean.timer", "logrotate.timer"]) {
			expect(await readlink(join(later.folder("early"), unit))).toBe("/dev/null");
			expect(first.masked).toContain(unit);
		}
		expect(later.masked.filter((unit) => unit.startsWith("cloud-")).length).toBeGreaterThan(4);
		expect(first.masked.filter((unit) => unit.startsWith("cloud-"))).toEqual([]);
	});

	test("keeps what lies in /tmp", async () => {
		const { folder } = await generate();
		const rules = await readFile(folder("run/tmpfiles.d/tmp.conf"), "utf8");
		expect(rules).toBe("q /tmp 1777 root root -\nq /var/tmp 1777 root root -\n");
	});

	test("makes the unit of our sshd, wanted by every boot", async () => {
		const { folder } = await generate();
		const link = join(folder("normal"), "sysinit.target.wants", UNIT_NAME);
		expect(await readlink(link)).toBe(`../${UNIT_NAME}`);
		const unit = await readFile(link, "utf8");
		const launch = launchOf(unit);
		expect(await syntaxErrors(launch)).toBe("");
		expect(launch).toContain(`tar -xOf "$disk" start`);
		expect(launch.includes("'")).toBe(false);
		if (!existsSync("/usr/bin/systemd-analyze")) return;
		const verdict = await runHere(["systemd-analyze", "verify", "--man=no", join(folder("normal"), UNIT_NAME)]);
		expect(verdict.stderr.split("\n").filter((line) => line.includes(UNIT_NAME))).toEqual([]);
	});

	test("can be run again over what it made", async () => {
		const { folder } = await generate();
		const script = GENERATOR.replaceAll("/run/", `${folder("run")}/`);
		const again = await runHere(["sh", "-s", folder("normal"), folder("early"), folder("late")], { stdin: script });
		expect(again).toMatchObject({ status: 0, stderr: "" });
	});
});

test("both first boots start sshd by the same command as the unit", async () => {
	const { folder } = await generate();
	const launch = launchOf(await readFile(join(folder("normal"), UNIT_NAME), "utf8"));
	const [, argument = ""] = /\/bin\/sh -c '([^']*)'/.exec(bootCommand("run")) ?? [];
	// Here systemd-run(1) is given the command: it expands "$" as in a unit, but not "%".
	expect(argument.replaceAll("$$", "$")).toBe(launch);
	expect(userData("build")).toContain(`systemctl start --no-block ${UNIT_NAME}`);
});

test("cloud-init is asked for nothing that changes the machine, but by the build", () => {
	const run = JSON.parse(userData("run").replace(/^#cloud-config\n/, ""));
	expect(Object.keys(run)).toEqual(["ssh_genkeytypes", "bootcmd"]);
	const build = JSON.parse(userData("build").replace(/^#cloud-config\n/, ""));
	expect(build).toMatchObject({ users: [], package_update: false, package_upgrade: false });
	expect(JSON.parse(metaData('x"y', "node"))).toEqual({ "instance-id": 'x"y', "local-hostname": "node" });
});

test("our sshd knows keys only, one address, and accounts of its own", () => {
	const options = new Map(
		SSHD_CONFIG.trim()
			.split("\n")
			.map((line) => line.split(" ", 2) as [string, string]),
	);
	expect(options.get("ListenAddress")).toBe(MANAGEMENT_ADDRESS);
	expect(options.get("PasswordAuthentication")).toBe("no");
	expect(options.get("PermitRootLogin")).toBe("prohibit-password");
	expect(options.get("UsePAM")).toBe("no");
	const names = (text: string): string[] =>
		text
			.trim()
			.split("\n")
			.map((line) => line.split(":")[0] ?? "");
	expect(names(SHADOW)).toEqual(names(PASSWD));
	expect(names(GROUP)).toContain("sshd");
	for (const line of SHADOW.trim().split("\n")) expect(line.split(":")[1]).toBe("*");
});

describe("our sshd", () => {
	/** The end of the script, with a stand-in for sshd that says under which personality it runs. */
	async function personality(fixed: boolean): Promise<string> {
		const folder = await tempDir();
		const mark = join(folder, "fixed");
		const said = join(folder, "said");
		if (fixed) await writeFile(mark, "");
		await writeFile(
			join(folder, "sshd"),
			`#!/bin/sh\ncat /proc/$$/personality > ${said}.new\nmv ${said}.new ${said}\nexec sleep 60\n`,
		);
		await chmod(join(folder, "sshd"), 0o755);
		const end = START_SCRIPT.slice(START_SCRIPT.indexOf("# Emulation translates"));
		const script = `set -eu\nprogram=${folder}/sshd config=none\n${end.replace("/etc/fixed-addresses", mark)}`;
		const shell = spawn("sh", ["-c", script], { stdio: "ignore" });
		await vi.waitUntil(() => existsSync(said), { timeout: 20_000 });
		const ended = once(shell, "exit");
		shell.kill("SIGTERM");
		expect(await ended).toEqual([0, null]);
		return (await readFile(said, "utf8")).trim();
	}

	test("starts programs at fixed addresses where it is to and setarch can", async () => {
		// Containers may not let it.
		const can = (await runHere(["setarch", "x86_64", "-R", "true"])).status === 0;
		expect(await personality(true)).toBe(can ? "00040000" : "00000000");
		expect(await personality(false)).toBe("00000000");
	});
});
