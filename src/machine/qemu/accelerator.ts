/** Which accelerator really works here: found out by starting a guest, and remembered per host boot. */
import { access, constants, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodebuildError } from "../../errors.ts";
import type { AcceleratorChoice } from "../../system/env.ts";
import { writeFileAtomic } from "../../system/files.ts";
import { run } from "../../system/process.ts";
import type { Accelerator } from "./arguments.ts";

export interface AcceleratorReport {
	readonly accelerator: Accelerator;
	/** For people: why this one. */
	readonly why: string;
	/** "7.2.22". */
	readonly qemuVersion: string;
	/** A whole machine has come up with it since the host was booted. */
	readonly proven?: boolean;
}

export interface ProbeOptions {
	/** The QEMU program. */
	readonly qemu: string;
	readonly choice: AcceleratorChoice;
	/** Folder in which the answer is remembered; none: ask anew. */
	readonly cacheDir?: string;
	readonly signal?: AbortSignal;
}

/**
 * Firmware of 64 KiB whose reset vector writes 0x2a to the debug-exit port (mov al; out; hlt):
 * a guest that ran it makes QEMU end with status (0x2a << 1) | 1.
 */
function probeFirmware(): Buffer {
	const firmware = Buffer.alloc(65_536, 0xf4);
	Buffer.from([0xb0, 0x2a, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]).copy(firmware, 0xfff0);
	return firmware;
}
const RAN = 85;

/** @throws NodebuildError HOST_TOOL_MISSING without QEMU, MACHINE_START when KVM was demanded and does not work. */
export async function probeAccelerator(options: ProbeOptions): Promise<AcceleratorReport> {
	const cacheFile = options.cacheDir === undefined ? undefined : join(options.cacheDir, "accelerator.json");
	const key = await keyOf(options);
	if (cacheFile !== undefined) {
		const kept = await readKept(cacheFile, key);
		if (kept !== undefined) return kept;
	}
	const report = await probe(options);
	if (cacheFile !== undefined) await writeFile(cacheFile, JSON.stringify({ key, report })).catch(() => undefined);
	return report;
}

/** What the probe could not see, until the host is booted anew: the accelerator failed a machine, or served one. */
export async function remember(cacheDir: string, options: ProbeOptions, report: AcceleratorReport): Promise<void> {
	await writeFileAtomic(
		join(cacheDir, "accelerator.json"),
		JSON.stringify({ key: await keyOf(options), report }),
	).catch(() => undefined);
}

/** What machines on this host are started with, when that is known; undefined: nothing has been tried yet. */
export async function recall(cacheDir: string, options: ProbeOptions): Promise<AcceleratorReport | undefined> {
	return await readKept(join(cacheDir, "accelerator.json"), await keyOf(options));
}

/** For what an answer is remembered: who gets access to KVM is asked anew. */
async function keyOf({ qemu, choice }: ProbeOptions): Promise<string> {
	const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
	return `${bootId} ${qemu} ${choice} ${(await kvmIsAccessible()) ? "with" : "without"} /dev/kvm`;
}

async function kvmIsAccessible(): Promise<boolean> {
	try {
		await access("/dev/kvm", constants.R_OK | constants.W_OK);
		return true;
	} catch {
		return false;
	}
}

async function readKept(file: string, key: string): Promise<AcceleratorReport | undefined> {
	try {
		const kept = JSON.parse(await readFile(file, "utf8")) as { key: string; report: AcceleratorReport };
		return kept.key === key ? kept.report : undefined;
	} catch {
		return undefined; // absent or torn: ask anew
	}
}

async function probe(options: ProbeOptions): Promise<AcceleratorReport> {
	const version = await qemuVersion(options.qemu);
	if (options.choice === "tcg") return { accelerator: "tcg", why: "chosen by NODEBUILD_ACCEL", qemuVersion: version };
	const failure = await tryKvm(options);
	if (failure === undefined) return { accelerator: "kvm", why: "a probe guest ran under KVM", qemuVersion: version };
	if (options.choice === "kvm") {
		throw new NodebuildError({
			code: "MACHINE_START",
			message: `NODEBUILD_ACCEL asks for KVM, but a probe guest did not run under it: ${failure}`,
			hint: "unset NODEBUILD_ACCEL to build with emulation, which is slower but gives the same result",
		});
	}
	return { accelerator: "tcg", why: failure, qemuVersion: version };
}

/** Undefined when a guest ran; else why not. */
async function tryKvm(options: ProbeOptions): Promise<string | undefined> {
	if (!(await kvmIsAccessible())) return "/dev/kvm is missing or not accessible to this user";
	const folder = await mkdtemp(join(tmpdir(), "nodebuild-probe-"));
	try {
		const firmware = join(folder, "probe.bin");
		await writeFile(firmware, probeFirmware());
		const result = await run(
			options.qemu,
			[
				...["-accel", "kvm", "-cpu", "host", "-machine", "q35", "-m", "64", "-nodefaults", "-display", "none"],
				...["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-bios", firmware],
			],
			{ timeout: 10_000, leashed: true, ...(options.signal === undefined ? {} : { signal: options.signal }) },
		);
		if (result.status === RAN) return undefined;
		const said = (result.stderr.trim().split("\n")[0] ?? "").replace(/^\S*qemu\S*: (?:error: )?/, "");
		return `/dev/kvm exists, but a probe guest did not run under it${said === "" ? "" : ` (${said})`}`;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** @throws NodebuildError HOST_TOOL_MISSING */
export async function qemuVersion(qemu: string): Promise<string> {
	const result = await run(qemu, ["--version"], { package: "qemu-system-x86" });
	const version = /version (\d+(?:\.\d+)*)/.exec(result.stdout)?.[1];
	if (version !== undefined) return version;
	throw new NodebuildError({
		code: "HOST_TOOL_MISSING",
		message: `expected ${qemu} --version to tell QEMU's version, got status ${result.status}`,
		details: [...result.stdout.split("\n"), ...result.stderr.split("\n")].filter((line) => line !== ""),
		hint: 'install QEMU 6.2 or newer (Debian and Ubuntu: apt-get install qemu-system-x86); see "nodebuild doctor"',
	});
}
