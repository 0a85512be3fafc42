/** A live state on disk: a folder with the device state, the memory overlay, and a record of what it fits. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, type Digest, sha256 } from "../../../digest.ts";
import { messageOf, NodebuildError } from "../../../errors.ts";
import { startAgent } from "../../../guest/agent/start.ts";
import type { KeyPair } from "../../../guest/ssh.ts";
import type { MachineSpec } from "../../types.ts";
import { type Accelerator, qemuArguments } from "../arguments.ts";
import { SSHD_CONFIG, START_SCRIPT } from "../guest-files.ts";
import { AGENT_PORT, MANAGEMENT_ADDRESS } from "../names.ts";
import type { Run } from "./memory.ts";

export const DEVICES = "devices";
export const DELTA = "delta";
/** What the machine wrote to its disk since it was booted from the layer; see `LiveRecord.diskSha256`. */
export const DISK = "disk.qcow2";
const RECORD = "live.json";

export interface LiveRecord {
	readonly version: 2;
	/** What a QEMU must be to take it: see `fingerprint`. */
	readonly fits: Digest;
	/** Name of the base RAM file that the overlay stands on. */
	readonly ram: string;
	readonly runs: readonly (readonly [page: number, count: number])[];
	readonly devicesSha256: string;
	readonly deltaSha256: string;
	/** Bytes of the overlay. */
	readonly deltaSize: number;
	/**
	 * The machine was booted from a layer that had no state, and frozen then: what it has written to its disk since
	 * belongs to the state. Absent: the disk is the layer's.
	 */
	readonly diskSha256?: string;
	/** Keys of the sshd that runs in the frozen guest. */
	readonly client: KeyPair;
	readonly host: KeyPair;
	/** Key of the program that waits in the frozen guest for commands; absent: none does. */
	readonly agent?: string;
	/** The guest's boot id. */
	readonly bootId: string;
	/** The firmware's ROM, packed: see firmware.ts. */
	readonly rom: string;
}

/** Everything that decides whether QEMU can take a device state, and we the guest that it brings; paths do not. */
export function fingerprint(spec: MachineSpec, accelerator: Accelerator, qemuVersion: string, hostCpu: string): Digest {
	const none = { disk: "", diskNode: "", seed: "", tools: "", console: "", ram: "ram" };
	const plain = { memory: spec.memory, cpus: spec.cpus };
	return digestOf({
		arguments: qemuArguments(plain, none, accelerator),
		qemuVersion,
		hostCpu: accelerator === "kvm" ? hostCpu : "",
		// It runs in the frozen guest as it was started.
		access: digestOf([
			START_SCRIPT,
			SSHD_CONFIG,
			startAgent({ key: "", address: MANAGEMENT_ADDRESS, port: AGENT_PORT }),
		]),
	});
}

export async function sha256File(path: string): Promise<string> {
	const hash = createHash("sha256");
	for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Uint8Array);
	return hash.digest("hex");
}

export async function writeRecord(folder: string, record: LiveRecord): Promise<void> {
	const stored: StoredRecord = { record, sum: sha256(JSON.stringify(record)) };
	await writeFile(join(folder, RECORD), JSON.stringify(stored), { mode: 0o600 });
}

/** The file, with what tells that the record is the one that was written. */
interface StoredRecord {
	readonly record: LiveRecord;
	readonly sum: Digest;
}

/** @throws when there is none, it was cut short, or is not what was written. */
export async function readRecord(folder: string): Promise<LiveRecord> {
	const { record, sum } = JSON.parse(await readFile(join(folder, RECORD), "utf8")) as StoredRecord;
	if (sha256(JSON.stringify(record)) !== sum) throw new Error(`${RECORD} is not what was written`);
	return record;
}

/** The record of a state that a machine may take if it is whole (see `requireWhole`); undefined for any other. */
export async function readFitting(folder: string, fits: Digest): Promise<LiveRecord | undefined> {
	try {
		const record = await readRecord(folder);
		if (record.version !== 2 || record.fits !== fits) return undefined;
		return (await stat(join(folder, DELTA))).size === record.deltaSize ? record : undefined;
	} catch {
		// Absent, torn or foreign: a live state is an accelerator, the disk layer is the truth.
		return undefined;
	}
}

/** @throws NodebuildError STORE_INVALID when the state's files are not what was written. */
export async function requireWhole(folder: string, record: LiveRecord): Promise<void> {
	// One that is a pipe would be waited for.
	const sum = async (name: string): Promise<string> =>
		(await stat(join(folder, name))).isFile() ? await sha256File(join(folder, name)) : "";
	const [devices, delta, disk] = await Promise.all([
		sum(DEVICES).catch(messageOf),
		sum(DELTA).catch(messageOf),
		record.diskSha256 === undefined ? undefined : sum(DISK).catch(messageOf),
	]);
	if (devices === record.devicesSha256 && delta === record.deltaSha256 && disk === record.diskSha256) return;
	throw new NodebuildError({ code: "STORE_INVALID", message: "its files are not what was written" });
}

export function runsOf(record: LiveRecord): Run[] {
	return record.runs.map(([page, count]) => ({ page, count }));
}
