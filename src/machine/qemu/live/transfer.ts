/** A live state out of a running QEMU process, and into a new one. */
import { constants } from "node:fs";
import { chmod, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, NodebuildError } from "../../../errors.ts";
import { quote } from "../../../guest/command.ts";
import { interrupted } from "../../../guest/connection.ts";
import type { FrozenLive, LiveFailure, LiveRequest } from "../../types.ts";
import type { Qmp } from "../qmp.ts";
import { readRom, writeRom } from "./firmware.ts";
import { isMapped, loadPages, OverlayTooLarge, savePages } from "./memory.ts";
import { DELTA, DEVICES, DISK, type LiveRecord, runsOf, sha256File, writeRecord } from "./state.ts";

export interface LiveProcess {
	readonly qmp: Qmp;
	readonly pid: number;
	/** The file that its memory is a private mapping of. */
	readonly ramFile: string;
	/** RAM file that its states stand on from now on, which holds its memory as it was at an earlier freeze. */
	readonly against?: string;
}

/** What a live state says of its machine. */
export type LiveIdentity = Pick<LiveRecord, "fits" | "ram" | "client" | "host" | "agent">;

/**
 * Stop the guest and save its devices and its own pages; it stands still afterwards.
 * @param disk overlay of which the state is to have a copy; QEMU has written all of it when the guest stands still.
 */
export async function saveLive(
	{ qmp, pid, ramFile, against }: LiveProcess,
	{ folder, limit }: LiveRequest,
	identity: LiveIdentity & Pick<LiveRecord, "bootId">,
	disk?: string,
): Promise<FrozenLive> {
	const start = performance.now();
	await mkdir(folder, { mode: 0o700 });
	await qmp.execute("stop");
	await qmp.execute("xen-save-devices-state", { filename: join(folder, DEVICES), live: false });
	await chmod(join(folder, DEVICES), 0o600);
	const saved = savePages(pid, ramFile, join(folder, DELTA), {
		limit,
		...(against === undefined ? {} : { against }),
	});
	const rom = await readRom(qmp, pid);
	if (disk !== undefined) {
		await copyFile(disk, join(folder, DISK), constants.COPYFILE_FICLONE);
		await chmod(join(folder, DISK), 0o600);
	}
	const finish = async (flat = false): Promise<void> => {
		const names = disk === undefined ? [DEVICES] : [DEVICES, DISK];
		const [devicesSha256 = "", diskSha256] = await Promise.all(names.map((name) => sha256File(join(folder, name))));
		// What becomes part of a RAM file is read once more for that, not twice.
		const deltaSha256 = flat ? "" : await sha256File(join(folder, DELTA));
		const runs = saved.runs.map(({ page, count }) => [page, count] as const);
		const sums = { devicesSha256, deltaSha256, ...(diskSha256 === undefined ? {} : { diskSha256 }) };
		await writeRecord(folder, { version: 2, ...identity, rom, runs, deltaSize: saved.size, ...sums });
	};
	const { fits } = identity;
	const { size, own } = saved;
	return { ok: true, folder, fits, size, own, milliseconds: performance.now() - start, finish };
}

/** Why `saveLive` threw. */
export function liveFailure(error: unknown): LiveFailure {
	const size = error instanceof OverlayTooLarge ? { size: error.bytes } : {};
	return { ok: false, reason: messageOf(error), ...size };
}

/** Milliseconds between two looks at how far QEMU has come; and for it to read a device state, which takes it some dozens. */
const POLL = 5;
const PATIENCE = 30_000;

/** QEMU reads a file itself since 8.2; older ones have a program do it. */
async function takeDevices(qmp: Qmp, file: string): Promise<void> {
	const from = (uri: string): Promise<unknown> => qmp.execute("migrate-incoming", { uri });
	// 7.2 waits for ever where the shell cannot make sense of it.
	await from(`file:${file}`).catch(() => from(`exec:cat ${quote(file)}`));
}

/**
 * Load a live state's memory into a QEMU that is being started to wait for it, as soon as it has mapped its RAM: it writes
 * nothing there before it takes a device state.
 * @param up settles when QEMU is up, or will never be.
 * @throws NodebuildError MACHINE_LOST when it has not mapped it by then.
 */
export async function loadMemory(
	{ pid, ramFile }: LiveProcess,
	folder: string,
	record: LiveRecord,
	up: Promise<unknown>,
): Promise<void> {
	let waiting = true;
	const end = (): void => {
		waiting = false;
	};
	up.then(end, end);
	while (waiting && !isMapped(pid, ramFile)) await sleep(POLL);
	loadPages(pid, ramFile, join(folder, DELTA), runsOf(record));
}

/**
 * Have a QEMU whose memory is loaded take the devices of a live state, and let it run.
 * @throws NodebuildError MACHINE_LOST when QEMU does not take it, INTERRUPTED.
 */
export async function loadDevices(
	{ qmp, pid }: LiveProcess,
	folder: string,
	record: LiveRecord,
	signal?: AbortSignal,
): Promise<void> {
	await takeDevices(qmp, join(folder, DEVICES));
	for (const begin = performance.now(); ; ) {
		if (signal?.aborted === true) throw interrupted();
		const { status } = (await qmp.execute("query-status")) as { status: string };
		if (status !== "inmigrate") break;
		if (performance.now() - begin > PATIENCE)
			throw new NodebuildError({ code: "MACHINE_LOST", message: "QEMU does not come to the end of its device state" });
		await sleep(POLL);
	}
	await writeRom(qmp, pid, record.rom);
	await qmp.execute("cont");
}
