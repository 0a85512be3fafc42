/**
 * How an archive gets to the tar(1) in the guest that unpacks it: as a disk that is plugged in meanwhile, where the
 * machine is ours and the archive large enough, else as a stream with the command.
 */
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { NodebuildError } from "../errors.ts";
import type { ExecResult, Guest } from "../guest/types.ts";
import type { AttachedDisk, DiskFile } from "../machine/types.ts";
import { isErrno } from "../system/files.ts";
import { ownedName } from "../system/owner.ts";

/** Disks of a machine that runs here. */
export interface DiskPort {
	/** For the archives; it is removed with the machine. */
	readonly folder: string;
	attach(disk: DiskFile): Promise<AttachedDisk>;
}

export interface DiskContent {
	readonly stream: Readable;
	/** Shell for after tar, once the stream has been read; $0 is the disk. */
	readonly after: () => string;
}

export interface Extraction {
	readonly guest: Guest;
	/** Undefined: the machine takes no disks. */
	readonly disks?: DiskPort | undefined;
	/** tar and its options, without those that say where the archive is. */
	readonly tar: readonly string[];
	/** What the archive holds, in bytes. */
	readonly bytes: number;
	/** The archive; asked for anew when a way did not work. */
	readonly open: () => Readable;
	/** What a disk is to hold instead: the archive, and what comes behind it. */
	readonly openForDisk?: () => Promise<DiskContent>;
	readonly signal: AbortSignal;
	readonly onStderr: (data: Uint8Array) => void;
}

/**
 * Bytes from which a disk pays. In an emulated guest, plugging and unplugging cost as much time as 5 MiB over SSH, which
 * the guest deciphers at a third of the speed at which its tar unpacks from a disk (bench/copy.mjs).
 */
const DISK_PAYS = 6 * 1024 * 1024;

export function paysAsDisk(bytes: number): boolean {
	return bytes >= DISK_PAYS;
}

/**
 * @param prepared the guest is ready for the files; the disk is written and plugged in meanwhile.
 * @throws NodebuildError COPY_FAILED of the archive's stream, MACHINE_LOST, INTERRUPTED; what `prepared` throws.
 */
export async function extractArchive(extraction: Extraction, prepared?: Promise<void>): Promise<ExecResult> {
	const { disks, bytes } = extraction;
	const useless = new AbortController();
	const signal = AbortSignal.any([extraction.signal, useless.signal]);
	const plugging = disks !== undefined && paysAsDisk(bytes) ? plugIn(disks, { ...extraction, signal }) : undefined;
	// Told below; what is wrong with the destination comes first.
	plugging?.catch(() => undefined);
	try {
		await prepared;
	} catch (error) {
		useless.abort();
		await plugging?.then((disk) => disk?.unplug()).catch(() => undefined);
		throw error;
	}
	const disk = await plugging;
	return disk === undefined ? overSsh(extraction) : fromDisk(disk, extraction);
}

/** Of 1 MiB: tar reads and writes by records, and each call costs. */
const LARGE_RECORDS = ["-b", "2048"];

/** What unpacks an archive from its standard input. */
export function streamTo(tar: readonly string[]): readonly string[] {
	return [...tar, ...LARGE_RECORDS, "-f", "-"];
}

function overSsh({ guest, tar, open, signal, onStderr }: Extraction): Promise<ExecResult> {
	return guest.exec({ argv: streamTo(tar), stdin: open(), signal, onStderr });
}

interface ArchiveDisk {
	readonly device: string;
	/** Shell for after tar. */
	readonly after: string;
	unplug(): Promise<void>;
}

/** Undefined when it did not work: SSH does the same, only slower. */
async function plugIn(disks: DiskPort, { open, openForDisk, signal }: Extraction): Promise<ArchiveDisk | undefined> {
	const file = join(disks.folder, `${ownedName()}.tar`);
	const remove = (): Promise<void> => rm(file, { force: true });
	try {
		const content = (await openForDisk?.()) ?? { stream: open(), after: () => "" };
		await pipeline(content.stream, createWriteStream(file, { flags: "wx", mode: 0o600 }), { signal });
		const { device, detach } = await disks.attach({ file, format: "raw", readOnly: true });
		return { device, after: content.after(), unplug: () => detach().finally(remove) };
	} catch (error) {
		await remove();
		if (signal.aborted) throw new NodebuildError({ code: "INTERRUPTED", message: "interrupted", cause: error });
		const full = isErrno(error, "ENOSPC", "EDQUOT");
		if (full || (error instanceof NodebuildError && error.code === "MACHINE_LOST")) return undefined;
		throw error;
	}
}

/** Read ahead while tar writes; $0 is the disk. A kernel that has it otherwise is only slower. */
const READ_AHEAD = `{ echo 4096 > "/sys/block/\${0##*/}/queue/read_ahead_kb"; } 2>/dev/null; `;

async function fromDisk(disk: ArchiveDisk, { guest, tar, signal, onStderr }: Extraction): Promise<ExecResult> {
	const { device, after } = disk;
	let result: ExecResult;
	try {
		const script = `${READ_AHEAD}${after === "" ? 'exec "$@"' : `"$@" || exit\n${after}`}`;
		const argv = ["/bin/sh", "-c", script, device, ...tar, ...LARGE_RECORDS, "-f", device];
		result = await guest.exec({ argv, signal, onStderr });
	} catch (error) {
		// Why it failed is worth more than that a machine which is about to be ended kept a disk.
		await disk.unplug().catch(() => undefined);
		throw error;
	}
	await disk.unplug();
	return result;
}
