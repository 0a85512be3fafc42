import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { probeAccelerator, qemuVersion, recall, remember } from "../../../../src/machine/qemu/accelerator.ts";
import { tempDir } from "../../system/child.ts";

/** A program that answers as QEMU would, and writes down that it was asked. */
async function standIn(answer: string): Promise<{ qemu: string; calls: () => Promise<number> }> {
	const folder = await tempDir();
	const qemu = join(folder, "qemu");
	await writeFile(qemu, `#!/bin/sh\necho "$*" >> ${folder}/calls\n${answer}\n`);
	await chmod(qemu, 0o755);
	const calls = async () => (await readFile(join(folder, "calls"), "utf8")).trim().split("\n").length;
	return { qemu, calls };
}

const VERSION = 'echo "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)"';

test("the version is read from what QEMU says, with all that distributions add", async () => {
	expect(await qemuVersion((await standIn(VERSION)).qemu)).toBe("7.2.22");
	const rhel = "echo 'QEMU emulator version 9.1.0 (qemu-kvm-9.1.0-15.el9)'";
	expect(await qemuVersion((await standIn(rhel)).qemu)).toBe("9.1.0");
	expect(await qemuVersion("qemu-system-x86_64")).toMatch(/^\d+\.\d+/);
});

test("a program that is no QEMU, or none at all, is told with what to install", async () => {
	const { qemu } = await standIn("echo broken library >&2; exit 127");
	await expect(qemuVersion(qemu)).rejects.toMatchObject({
		code: "HOST_TOOL_MISSING",
		message: expect.stringContaining("status 127"),
		details: ["broken library"],
		hint: expect.stringContaining("install"),
	});
	await expect(qemuVersion("/nowhere/qemu")).rejects.toMatchObject({ code: "HOST_TOOL_MISSING" });
});

test("emulation that was chosen is not probed for", async () => {
	const { qemu, calls } = await standIn(VERSION);
	expect(await probeAccelerator({ qemu, choice: "tcg" })).toEqual({
		accelerator: "tcg",
		why: "chosen by NODEBUILD_ACCEL",
		qemuVersion: "7.2.22",
	});
	expect(await calls()).toBe(1);
});

test("a probe guest that does not run means emulation, or an error where KVM was demanded", async () => {
	const { qemu } = await standIn(
		`case $1 in --version) ${VERSION} ;; *) echo "qemu: error: no KVM" >&2; exit 1 ;; esac`,
	);
	const report = await probeAccelerator({ qemu, choice: "auto" });
	expect(report).toMatchObject({ accelerator: "tcg", why: expect.stringContaining("/dev/kvm") });
	await expect(probeAccelerator({ qemu, choice: "kvm" })).rejects.toMatchObject({
		code: "MACHINE_START",
		message: expect.stringContaining(report.why),
	});
});

test("the answer is remembered for a host's boot, a program and a choice", async () => {
	const cacheDir = await tempDir();
	const { qemu, calls } = await standIn(VERSION);
	const first = await probeAccelerator({ qemu, choice: "tcg", cacheDir });
	const asked = await calls();
	expect(await probeAccelerator({ qemu, choice: "tcg", cacheDir })).toEqual(first);
	expect(await calls()).toBe(asked);
	const other = await standIn(VERSION.replace("7.2.22", "8.0.0"));
	expect(await probeAccelerator({ qemu: other.qemu, choice: "tcg", cacheDir })).toMatchObject({ qemuVersion: "8.0.0" });
});

test.each(["", "{", "[]", '{"key":"of another boot","report":{"accelerator":"kvm"}}'])(
	"a memory that is torn or of another boot is not believed: %j",
	async (text) => {
		const cacheDir = await tempDir();
		await writeFile(join(cacheDir, "accelerator.json"), text);
		const { qemu } = await standIn(VERSION);
		expect(await probeAccelerator({ qemu, choice: "tcg", cacheDir })).toMatchObject({ qemuVersion: "7.2.22" });
	},
);

test("an accelerator that failed is not tried again", async () => {
	const cacheDir = await tempDir();
	const { qemu } = await standIn(VERSION);
	const options = { qemu, choice: "auto", cacheDir } as const;
	const report = { accelerator: "tcg", why: "KVM died under a guest", qemuVersion: "7.2.22" } as const;
	expect(await recall(cacheDir, options)).toBeUndefined();
	await remember(cacheDir, options, report);
	expect(await probeAccelerator(options)).toEqual(report);
	expect(await recall(cacheDir, options)).toEqual(report);
});
