/** When live states are taken and used, and what they stand on. */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, sha256 } from "../digest.ts";
import type { Store } from "../layers/store.ts";
import { ZERO_RAM } from "../layers/live-store.ts";
import { patchFile } from "../machine/qemu/live/memory.ts";
import {
	DELTA,
	DEVICES,
	fingerprint,
	type LiveRecord,
	readFitting,
	runsOf,
	writeRecord,
} from "../machine/qemu/live/state.ts";
import type { AcceleratorReport } from "../machine/qemu/accelerator.ts";
import type { FrozenDisk, MachineSpec } from "../machine/types.ts";

export interface LiveSettings {
	readonly fits: Digest;
	readonly state?: { readonly folder: string; readonly record: LiveRecord };
}

/** Bytes of memory overlay above which a machine goes on from a base file of its own. */
const OUTGROWN = 96 * 2 ** 20;

export function outgrown({ live }: FrozenDisk): boolean {
	return live !== undefined && live > OUTGROWN;
}

/** What the host can take, and the state of `layer` when it is whole and fits. */
export async function liveOf(
	store: Store,
	report: AcceleratorReport,
	spec: MachineSpec,
	layer: Digest | undefined,
): Promise<LiveSettings> {
	const { accelerator, qemuVersion } = report;
	const cpu = accelerator === "kvm" ? sha256(await readFile("/proc/cpuinfo", "utf8").then(cpuIdentity)) : "";
	const fits = fingerprint(spec, accelerator, qemuVersion, cpu);
	const folder = layer === undefined ? undefined : await store.live.find(layer);
	const record = folder === undefined ? undefined : await readFitting(folder, fits);
	if (folder === undefined || record === undefined) return { fits };
	if (record.ram !== ZERO_RAM && (await store.live.ram(record.ram)) === undefined) return { fits };
	return { fits, state: { folder, record } };
}

function cpuIdentity(cpuinfo: string): string {
	const wanted = /^(vendor_id|cpu family|model|model name|stepping|flags)\s*:/;
	return [...new Set(cpuinfo.split("\n").filter((line) => wanted.test(line)))].join("\n");
}

/** The RAM file that a machine is to map: the state's base, or zeros. */
export async function withRam(
	live: LiveSettings,
	folder: string,
	{ store, spec }: { readonly store: Store; readonly spec: MachineSpec },
) {
	const ram = live.state?.record.ram ?? ZERO_RAM;
	const kept = ram === ZERO_RAM ? undefined : await store.live.ram(ram);
	const ramFile = kept ?? join(folder, "ram");
	if (kept === undefined) await store.live.copyRam(ZERO_RAM, spec.memory * 2 ** 20, ramFile);
	return { ...live, ram, ramFile };
}

/** Make a layer's memory overlay part of a base file of its own. */
export async function flatten(store: Store, layer: Digest, memory: number): Promise<void> {
	const folder = await store.live.find(layer);
	if (folder === undefined) return;
	const record = JSON.parse(await readFile(join(folder, "live.json"), "utf8")) as LiveRecord;
	await using work = await store.workDir();
	const file = join(work.path, "ram");
	await store.live.copyRam(record.ram, memory * 2 ** 20, file);
	patchFile(file, join(folder, DELTA), runsOf(record));
	const flat = join(work.path, "live");
	await mkdir(flat, { mode: 0o700 });
	await copyFile(join(folder, DEVICES), join(flat, DEVICES));
	await writeFile(join(flat, DELTA), "", { mode: 0o600 });
	const ram = await store.live.addRam(file);
	await writeRecord(flat, { ...record, ram, runs: [], deltaSize: 0, deltaSha256: sha256("").slice("sha256:".length) });
	await store.live.commit(layer, flat);
}
