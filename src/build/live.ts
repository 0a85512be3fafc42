/** Live states of this host's machines: which one fits, and what a machine needs to go on from it. */
import { copyFile, link, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, sha256 } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { ZERO_RAM } from "../layers/live-store.ts";
import type { Store } from "../layers/store.ts";
import type { WorkDir } from "../layers/work-dir.ts";
import type { AcceleratorReport } from "../machine/qemu/accelerator.ts";
import { patchFile } from "../machine/qemu/live/memory.ts";
import {
	DELTA,
	DEVICES,
	DISK,
	fingerprint,
	type LiveRecord,
	readFitting,
	readRecord,
	runsOf,
	writeRecord,
} from "../machine/qemu/live/state.ts";
import type { MachineSpec } from "../machine/types.ts";

export interface LiveSettings {
	readonly fits: Digest;
	readonly state?: { readonly folder: string; readonly record: LiveRecord };
}

/** What the host can take, and the state of `layer` that fits. */
export async function liveOf(
	store: Store,
	report: AcceleratorReport,
	spec: MachineSpec,
	layer: Digest | undefined,
): Promise<LiveSettings> {
	const { accelerator, qemuVersion } = report;
	const cpu = accelerator === "kvm" ? sha256(await readFile("/proc/cpuinfo", "utf8").then(cpuIdentity)) : "";
	const fits = fingerprint(spec, accelerator, qemuVersion, cpu);
	const folder = layer === undefined ? undefined : await store.live.find(layer, fits);
	const record = folder === undefined ? undefined : await readFitting(folder, fits);
	return folder === undefined || record === undefined ? { fits } : { fits, state: { folder, record } };
}

function cpuIdentity(cpuinfo: string): string {
	const wanted = /^(vendor_id|cpu family|model|model name|stepping|flags)\s*:/;
	return [...new Set(cpuinfo.split("\n").filter((line) => wanted.test(line)))].join("\n");
}

/**
 * The RAM file that a machine is to map: the state's, or zeros. Held while the machine's folder is there: QEMU would
 * make an empty one in place of one that was trimmed a moment ago.
 * @throws NodebuildError STORE_INVALID when the state's is gone, or not what was made.
 */
export async function withRam(
	live: LiveSettings,
	work: WorkDir,
	{ store, spec }: { readonly store: Store; readonly spec: MachineSpec },
) {
	const ram = live.state?.record.ram ?? ZERO_RAM;
	if (ram === ZERO_RAM) {
		const ramFile = join(work.path, "ram");
		await store.live.ram.copy(ZERO_RAM, spec.memory * 2 ** 20, ramFile);
		return { ...live, ram, ramFile };
	}
	const held = await store.live.ram.hold(ram);
	if (held === undefined)
		throw new NodebuildError({
			code: "STORE_INVALID",
			message: "the RAM file that it stands on is gone, or not what was made",
		});
	work.onRelease(held.close);
	return { ...live, ram, ramFile: held.path };
}

/**
 * A state whose memory overlay has become part of a RAM file of its own, in `work`, and that file's name in the store.
 * @param memory MiB.
 * @throws when there is no room for it, or the RAM file that it stands on has gone.
 */
export async function flatten(
	store: Store,
	folder: string,
	work: string,
	memory: number,
): Promise<{ readonly folder: string; readonly ram: string }> {
	const record = await readRecord(folder);
	const file = join(work, "flat-ram");
	if (!(await store.live.ram.copy(record.ram, memory * 2 ** 20, file)))
		throw new NodebuildError({ code: "STORE_INVALID", message: "the RAM file that it stands on is gone" });
	await patchFile(file, join(folder, DELTA), runsOf(record));
	const flat = join(work, "flat");
	await mkdir(flat, { mode: 0o700 });
	await copyFile(join(folder, DEVICES), join(flat, DEVICES));
	await writeFile(join(flat, DELTA), "", { mode: 0o600 });
	if (record.diskSha256 !== undefined) await link(join(folder, DISK), join(flat, DISK));
	const ram = await store.live.ram.add(file);
	await writeRecord(flat, {
		...record,
		ram,
		runs: [],
		deltaSize: 0,
		deltaSha256: sha256("").slice("sha256:".length),
	});
	return { folder: flat, ram };
}
