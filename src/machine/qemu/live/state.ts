/** A live state on disk: a folder with the device state, the memory overlay, and a record of what it fits. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, type Digest } from "../../../digest.ts";
import type { KeyPair } from "../../../guest/ssh.ts";
import type { MachineSpec } from "../../types.ts";
import { type Accelerator, qemuArguments } from "../arguments.ts";
import type { Run } from "./memory.ts";

export const DEVICES = "devices";
export const DELTA = "delta";
const RECORD = "live.json";

export interface LiveRecord {
	readonly version: 1;
	/** What a QEMU must be to take it: see `fingerprint`. */
	readonly fits: Digest;
	/** Name of the base RAM file that the overlay stands on. */
	readonly ram: string;
	readonly runs: readonly (readonly [page: number, count: number])[];
	readonly devicesSha256: string;
	readonly deltaSha256: string;
	/** Bytes of the overlay. */
	readonly deltaSize: number;
	/** Keys of the sshd that runs in the frozen guest. */
	readonly client: KeyPair;
	readonly host: KeyPair;
	/** The guest's boot id. */
	readonly bootId: string;
}

/** Everything that decides whether QEMU can take a device state; paths do not. */
export function fingerprint(spec: MachineSpec, accelerator: Accelerator, qemuVersion: string, hostCpu: string): Digest {
	const none = { disk: "", diskNode: "", seed: "", tools: "", console: "", ram: "ram" };
	const plain = { memory: spec.memory, cpus: spec.cpus };
	return digestOf({
		arguments: qemuArguments(plain, none, accelerator),
		qemuVersion,
		hostCpu: accelerator === "kvm" ? hostCpu : "",
	});
}

export async function sha256File(path: string): Promise<string> {
	const hash = createHash("sha256");
	for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Uint8Array);
	return hash.digest("hex");
}

export async function writeRecord(folder: string, record: LiveRecord): Promise<void> {
	await writeFile(join(folder, RECORD), JSON.stringify(record), { mode: 0o600 });
}

/** The record of a state that is whole and fits; undefined for any other. */
export async function readFitting(folder: string, fits: Digest): Promise<LiveRecord | undefined> {
	try {
		const record = JSON.parse(await readFile(join(folder, RECORD), "utf8")) as LiveRecord;
		if (record.version !== 1 || record.fits !== fits) return undefined;
		if ((await stat(join(folder, DELTA))).size !== record.deltaSize) return undefined;
		const [devices, delta] = await Promise.all([sha256File(join(folder, DEVICES)), sha256File(join(folder, DELTA))]);
		return devices === record.devicesSha256 && delta === record.deltaSha256 ? record : undefined;
	} catch {
		// Absent, torn or foreign: a live state is an accelerator, the disk layer is the truth.
		return undefined;
	}
}

export function runsOf(record: LiveRecord): Run[] {
	return record.runs.map(([page, count]) => ({ page, count }));
}
