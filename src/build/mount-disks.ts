/** The disks that a command's mounts need, plugged into the machine: caches, and room for what is thrown away. */
import { randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestOf } from "../digest.ts";
import type { Emit } from "../events.ts";
import type { GuestDisk, Ownership } from "../guest/mount-script.ts";
import type { OpenCache } from "../layers/cache-store.ts";
import type { Store } from "../layers/store.ts";
import type { PlannedMount } from "../plan/types.ts";
import type { Running } from "./machines.ts";
import type { Undo } from "./undo.ts";

export interface DiskContext {
	readonly running: Pick<Running, "machine" | "work">;
	readonly store: Pick<Store, "caches">;
	readonly signal: AbortSignal;
	readonly emit: Emit;
}

/** Bytes of room for what is thrown away; a file of holes. */
const SCRATCH_SIZE = 64 * 2 ** 30;

/** The owner is part of it, as in BuildKit, where another one is another directory that the cache starts from. */
export function cacheIdentity(mount: PlannedMount): Digest {
	const { id, content, source, mode, uid, gid } = mount;
	return digestOf({ kind: "cache", id, content, source: content === undefined ? undefined : source, mode, uid, gid });
}

export function ownerOf({ mode = 0o755, uid = 0, gid = 0 }: PlannedMount): Ownership {
	return { mode, uid, gid };
}

/** Take the caches of a command; in one order for all, so that two commands never wait for each other. */
export async function openCaches(
	mounts: readonly PlannedMount[],
	{ running, store, signal, emit }: DiskContext,
	undo: Undo,
): Promise<ReadonlyMap<Digest, OpenCache & Pick<GuestDisk, "device">>> {
	const wanted = new Map<Digest, PlannedMount>();
	for (const mount of mounts) if (mount.type === "cache") wanted.set(cacheIdentity(mount), mount);
	const opened = new Map<Digest, OpenCache & Pick<GuestDisk, "device">>();
	for (const [identity, { id = "", sharing }] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
		const onWait = ({ pid }: { pid: number }): void =>
			emit({ type: "info", message: `the cache ${id} is in use by process ${pid}; waiting for it` });
		const cache = await store.caches.open({ identity, title: id, alone: sharing === "private" }, { signal, onWait });
		let unplugged = true;
		undo.add(async () => {
			// Nobody else may write to a disk that a machine still has.
			if (unplugged) await cache.release();
			else running.machine.gone.then(() => cache.release()).catch(() => undefined);
		});
		const disk = await running.machine.attach({ file: cache.file, format: "raw", readOnly: false });
		unplugged = false;
		undo.add(async () => {
			await disk.detach();
			unplugged = true;
		});
		opened.set(identity, { ...cache, device: disk.device });
	}
	return opened;
}

/** An empty disk that is gone after the command. */
export async function attachScratch({ running }: DiskContext, undo: Undo): Promise<string> {
	const { machine, work } = running;
	const file = join(work.path, `scratch-${randomBytes(4).toString("hex")}.raw`);
	const made = await open(file, "wx", 0o600);
	undo.add(() => rm(file, { force: true }));
	await made.truncate(SCRATCH_SIZE);
	await made.close();
	const disk = await machine.attach({ file, format: "raw", readOnly: false });
	undo.add(() => disk.detach());
	return disk.device;
}
