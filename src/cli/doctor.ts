/** The checks of `nodebuild doctor`; each gives one row, or one for each lack. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { describeTools, familyOf, packagesOf, parseOsRelease, TOOLS } from "../../scripts/setup/host-tools.mjs";
import { commandForPeople } from "../../scripts/setup/package-manager.mjs";
import { messageOf, NodebuildError } from "../errors.ts";
import { probeAccelerator, recall } from "../machine/qemu/accelerator.ts";
import { type Environment, readEnvironment } from "../system/env.ts";
import { formatBytes } from "../system/files.ts";
import type { DoctorRow } from "./backend.ts";
import { storeRows } from "./doctor-store.ts";

const GIB = 2 ** 30;
/** A machine's default memory and what QEMU needs beside it. */
const NEEDED_MEMORY = 1.25 * GIB;
const OLDEST_NODE = "20.19";
const OLDEST_QEMU = "6.2";
/** From here on emulation is several times faster. */
const BETTER_QEMU = "10.0";

export interface HostFacts {
	readonly environment: Environment;
	/** `process.version` without its v. */
	readonly nodeVersion: string;
	/** Folders in which programs are looked for. */
	readonly searchPath: readonly string[];
	/** Text of /etc/os-release. */
	readonly osRelease: string;
	/** Text of /proc/meminfo. */
	readonly memoryInfo: string;
}

function readText(...files: readonly string[]): string {
	const file = files.find((path) => existsSync(path));
	return file === undefined ? "" : readFileSync(file, "utf8");
}

export function hostFacts(environment: Environment = readEnvironment()): HostFacts {
	return {
		environment,
		nodeVersion: process.versions.node,
		searchPath: [...environment.searchPath, "/usr/sbin", "/sbin"],
		osRelease: readText("/etc/os-release", "/usr/lib/os-release"),
		memoryInfo: readText("/proc/meminfo"),
	};
}

export async function examine(facts: HostFacts, home: string, signal: AbortSignal): Promise<readonly DoctorRow[]> {
	return [
		nodeRow(facts.nodeVersion),
		...(await machineRows(facts, home, signal)),
		...toolRows(facts),
		memoryRow(facts.memoryInfo),
		...(await storeRows(home)),
	];
}

/** Whether version `a` is older than `b`, number by number. */
function isOlder(a: string, b: string): boolean {
	const [left, right] = [a, b].map((text) => text.split(".").map((part) => Number.parseInt(part, 10) || 0));
	const at = (right ?? []).findIndex((part, index) => part !== (left?.[index] ?? 0));
	return at >= 0 && (left?.[at] ?? 0) < (right?.[at] ?? 0);
}

function nodeRow(version: string): DoctorRow {
	const row = { name: "Node.js", found: version };
	if (!isOlder(version, OLDEST_NODE)) return { ...row, state: "good" };
	return { ...row, state: "missing", advice: `nodebuild needs Node.js ${OLDEST_NODE} or newer: https://nodejs.org` };
}

async function machineRows(
	{ environment, searchPath }: HostFacts,
	home: string,
	signal: AbortSignal,
): Promise<readonly DoctorRow[]> {
	const qemu = environment.qemu ?? find("qemu-system-x86_64", searchPath) ?? find("/usr/libexec/qemu-kvm", []);
	if (qemu === undefined) return [];
	try {
		const options = { qemu, choice: environment.accelerator, signal };
		const probed = await probeAccelerator(options);
		// A probe guest is small: KVM may run it and have failed a whole machine, which builds remember.
		const met = await recall(join(home, "host"), options);
		const report = met?.accelerator === "tcg" ? { ...probed, ...met } : probed;
		return [qemuRow(report.qemuVersion, report.accelerator), acceleratorRow(report.accelerator, report.why)];
	} catch (error) {
		const advice = error instanceof NodebuildError ? error.hint : undefined;
		return [{ name: "accelerator", state: "missing", found: messageOf(error), ...(advice && { advice }) }];
	}
}

function qemuRow(version: string, accelerator: string): DoctorRow {
	const row = { name: "QEMU", found: version };
	if (isOlder(version, OLDEST_QEMU)) {
		return { ...row, state: "missing", advice: `nodebuild needs QEMU ${OLDEST_QEMU} or newer` };
	}
	if (accelerator === "kvm" || !isOlder(version, BETTER_QEMU)) return { ...row, state: "good" };
	const advice = `without KVM, QEMU ${BETTER_QEMU} or newer is several times faster (Debian 12: apt-get install -t bookworm-backports qemu-system-x86 qemu-utils)`;
	return { ...row, state: "poor", advice };
}

function acceleratorRow(accelerator: string, why: string): DoctorRow {
	const row = { name: "accelerator", found: `${accelerator.toUpperCase()}: ${why}` };
	if (accelerator === "kvm") return { ...row, state: "good" };
	return { ...row, state: "poor", advice: `${kvmAdvice()}; emulation gives the same images, slower` };
}

function kvmAdvice(): string {
	if (!existsSync("/dev/kvm")) return "switch on virtualization in the firmware, or nested virtualization for this VM";
	if (!isAccessible("/dev/kvm", constants.R_OK | constants.W_OK)) {
		return "join the group that owns /dev/kvm: sudo usermod -aG kvm $USER, then log in again";
	}
	return "this host's KVM runs no guests: where the host is a VM itself, its hypervisor's nested virtualization is off or incomplete";
}

function isAccessible(path: string, mode: number): boolean {
	try {
		accessSync(path, mode);
		return true;
	} catch {
		return false;
	}
}

function find(probe: string, searchPath: readonly string[]): string | undefined {
	if (isAbsolute(probe)) return existsSync(probe) ? probe : undefined;
	return searchPath.map((folder) => join(folder, probe)).find((path) => existsSync(path));
}

function toolRows({ environment, searchPath, osRelease }: HostFacts): readonly DoctorRow[] {
	const family = familyOf(parseOsRelease(osRelease));
	return TOOLS.filter((tool) => tool.need !== "test").map((tool) => {
		const own = tool.probe.startsWith("qemu-system-") ? environment.qemu : undefined;
		const probes = [tool.probe, ...(tool.alternatives ?? [])];
		const found = [own, ...probes.map((probe) => find(probe, searchPath))].find((path) => path !== undefined);
		const row = { name: tool.probe.slice(tool.probe.lastIndexOf("/") + 1) };
		if (found !== undefined) return { ...row, found, state: "good" };
		const packages = family === undefined ? [] : packagesOf([tool], family);
		const advice =
			family !== undefined && packages.length > 0
				? `${tool.use}: ${commandForPeople(family, packages)}`
				: describeTools([tool], family).join(" ").trim();
		const needed = tool.need === "start" && (family === undefined || packages.length > 0);
		return { ...row, found: "not found", state: needed ? "missing" : "poor", advice };
	});
}

function memoryRow(text: string): DoctorRow {
	const kilobytes = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN);
	if (Number.isNaN(kilobytes))
		return { name: "memory", state: "poor", found: "unknown: no MemAvailable in /proc/meminfo" };
	const row = { name: "memory", found: `${formatBytes(kilobytes * 1024)} available` };
	if (kilobytes * 1024 >= NEEDED_MEMORY) return { ...row, state: "good" };
	return {
		...row,
		state: "poor",
		advice: "a build takes 1 GiB for its machine: give it less with --memory 512M, or free some",
	};
}
