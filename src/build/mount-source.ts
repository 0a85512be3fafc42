/** The disk of another stage, a base or an image, in a running machine: for COPY --from and RUN --mount=from. */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../errors.ts";
import { quote } from "../guest/command.ts";
import { MOUNT_ROOT } from "../guest/mount-root.ts";
import { createOverlay } from "../layers/overlay.ts";
import { backingNameOfDisk } from "../layers/paths.ts";
import type { CopyOrigin } from "../plan/types.ts";
import { inAccess } from "./access.ts";
import type { Running } from "./machines.ts";

/** An origin that is a disk of its own. */
export type DiskOrigin = Extract<CopyOrigin, { kind: "stage" | "image" }>;

export function isDisk(origin: CopyOrigin): origin is DiskOrigin {
	return origin.kind === "stage" || origin.kind === "image";
}

/** A disk of the store. */
export interface SourceDisk {
	/** For messages: `the stage "build"`. */
	readonly what: string;
	/** Absolute path of the qcow2. */
	readonly disk: string;
	readonly virtualSize: number;
}

export interface AttachedSource extends AsyncDisposable {
	/** Block device in the guest: of the whole disk, for `mount_root` (guest/mount-root.ts). */
	readonly device: string;
}

export interface MountedSource extends AsyncDisposable {
	readonly what: string;
	/** Block device in the guest, of the whole disk. */
	readonly device: string;
	/** Where it is mounted, in the namespaces of our sshd: nothing of the machine sees it. */
	readonly path: string;
}

/** Use a source and dispose of it. What went wrong in its use counts for more than what goes wrong afterwards. */
export async function withSource<S extends AsyncDisposable>(
	source: S,
	use: (source: S) => Promise<void>,
): Promise<void> {
	try {
		await use(source);
	} catch (error) {
		await disposeAfter(source);
		throw error;
	}
	await source[Symbol.asyncDispose]();
}

/** After a failure: the machine may be gone, or may not let go; it will be ended. */
export async function disposeAfter(source: AsyncDisposable): Promise<void> {
	try {
		await source[Symbol.asyncDispose]();
	} catch {
		// What failed before is what is told.
	}
}

export type Where = Pick<Running, "machine" | "work">;

/**
 * Attach an overlay of the disk that is thrown away afterwards: mounting a file system that was frozen while it was in
 * use writes to it (its journal is replayed), and a disk of the store never changes.
 */
export async function attachSource(source: SourceDisk, where: Where): Promise<AttachedSource> {
	const { disk, virtualSize } = source;
	return attachFile(where, "qcow2", (file) =>
		createOverlay({ file, backingName: backingNameOfDisk(disk), backingFormat: "qcow2", virtualSize }),
	);
}

/** Attach a disk that `make` makes, and that goes when it is detached. */
export async function attachFile(
	{ machine, work }: Where,
	format: "qcow2" | "raw",
	make: (file: string) => Promise<void>,
): Promise<AttachedSource> {
	const file = join(work.path, `attached-${randomBytes(4).toString("hex")}.${format}`);
	const remove = (): Promise<void> => rm(file, { force: true });
	try {
		await make(file);
		const attached = await machine.attach({ file, format, readOnly: false });
		return {
			device: attached.device,
			async [Symbol.asyncDispose]() {
				await attached.detach();
				await remove();
			},
		};
	} catch (error) {
		await remove();
		throw error;
	}
}

/** The same, its root file system mounted read-only. Its user disposes of it before the machine is frozen. */
export async function mountSource(source: SourceDisk, where: Where): Promise<MountedSource> {
	const mounted = mountAttached(await attachSource(source, where), source.what, where, (device, path) =>
		[MOUNT_ROOT, `mount_root ${device} ${path}`].join(""),
	);
	return mounted.catch((error: unknown) => Promise.reject(unmountable(source, error)));
}

/** Mount what is attached where our sshd lives, by a script of quoted device and directory. */
export async function mountAttached(
	attached: AttachedSource,
	what: string,
	{ machine }: Where,
	script: (device: string, path: string) => string,
): Promise<MountedSource> {
	const { device } = attached;
	const path = `/run/sources/${device.slice("/dev/".length)}`;
	const access = inAccess(machine.guest);
	try {
		await access.script(`set -e\nmkdir -p ${quote(path)}\n${script(quote(device), quote(path))}\n`);
	} catch (error) {
		await disposeAfter(attached);
		throw error;
	}
	return {
		what,
		device,
		path,
		async [Symbol.asyncDispose]() {
			await access.script(`umount -R ${quote(path)}\nrmdir ${quote(path)}\n`);
			await attached[Symbol.asyncDispose]();
		},
	};
}

function unmountable({ what }: SourceDisk, cause: unknown): unknown {
	if (!(cause instanceof NodebuildError) || cause.code !== "MACHINE_LOST") return cause;
	return new NodebuildError({
		code: "COPY_FAILED",
		message: `the root file system of ${what} could not be mounted in the machine`,
		details: cause.details,
		hint: "the machine's kernel needs the driver of that file system (ext4, xfs or btrfs; no LVM)",
		cause,
	});
}
