/**
 * The firmware's ROM: QEMU leaves it empty where it waits for a machine's state (rom_reset in hw/core/loader.c), since a
 * whole migration brings it. Ours does not, so it is part of a live state; a guest needs it when it reboots.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Qmp } from "../qmp.ts";

/** Where every x86 firmware ends: the last bytes below 4 GiB. */
const END = 2 ** 32;
/** Bytes; QEMU's default BIOS image, of which a smaller one is a part. */
const SIZE = 256 * 1024;

/** Address in QEMU's memory; undefined where the firmware is no ROM (UEFI lies in a flash device, which is filled). */
async function findRom(qmp: Qmp): Promise<number | undefined> {
	const said = await qmp.human(`gpa2hva 0x${(END - SIZE).toString(16)}`);
	const match = /\(pc\.bios\) is (0x[0-9a-f]+)/.exec(said);
	return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 16);
}

/** The ROM of a machine that was booted, packed; empty where there is none. */
export async function readRom(qmp: Qmp, pid: number): Promise<string> {
	const address = await findRom(qmp);
	if (address === undefined) return "";
	const rom = Buffer.alloc(SIZE);
	const memory = openSync(`/proc/${pid}/mem`, "r");
	try {
		readSync(memory, rom, 0, SIZE, address);
	} finally {
		closeSync(memory);
	}
	return gzipSync(rom, { level: 1 }).toString("base64");
}

/** Before the machine runs. */
export async function writeRom(qmp: Qmp, pid: number, packed: string): Promise<void> {
	const address = packed === "" ? undefined : await findRom(qmp);
	if (address === undefined) return;
	const memory = openSync(`/proc/${pid}/mem`, "r+");
	try {
		writeSync(memory, gunzipSync(Buffer.from(packed, "base64")), 0, SIZE, address);
	} finally {
		closeSync(memory);
	}
}
