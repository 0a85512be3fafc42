/**
 * Disks that come and go while the machine runs, on the SCSI controller that every machine has. Why not on a PCI Express
 * port: docs/adr/0006-disks-on-a-scsi-controller.md.
 */
import { randomBytes } from "node:crypto";
import { NodebuildError } from "../../errors.ts";
import { quote } from "../../guest/command.ts";
import type { Guest } from "../../guest/types.ts";
import { deepBacking } from "../../layers/backing.ts";
import type { AttachedDisk, DiskFile } from "../types.ts";
import { ATTACHED_MODEL, SCSI_CONTROLLER } from "./names.ts";
import type { Qmp } from "./qmp.ts";

/** Milliseconds until the guest has made a block device of a disk, which takes it a few dozen. */
const APPEAR_TIMEOUT = 60_000;
/** Targets on the controller, all used in turn: what the guest still hears of a disk is never taken for the next one. */
const TARGETS = 255;

export class DiskSlots {
	readonly #qmp: Qmp;
	#last = 0;
	/** How many are attached now. */
	count = 0;

	constructor(qmp: Qmp) {
		this.#qmp = qmp;
	}

	/** @throws NodebuildError MACHINE_LOST when QEMU refuses the disk or the guest does not see it. */
	async attach(disk: DiskFile, guest: Guest): Promise<AttachedDisk> {
		this.#last = (this.#last + 1) % TARGETS;
		// A name of its own for ever, so that it can be found in the guest, after a resume too.
		const name = `${ATTACHED_MODEL}${randomBytes(3).toString("hex")}`;
		const backing = disk.format === "qcow2" ? deepBacking(disk.file) : undefined;
		await this.#qmp.execute("blockdev-add", {
			...nodeOptions(name, disk),
			...(backing === undefined ? {} : { backing }),
		});
		try {
			await this.#qmp.execute("device_add", {
				driver: "scsi-hd",
				id: name,
				bus: `${SCSI_CONTROLLER}.0`,
				"scsi-id": this.#last,
				drive: name,
				product: name,
			});
		} catch (error) {
			await this.#qmp.execute("blockdev-del", { "node-name": name });
			throw error;
		}
		this.count += 1;
		const remove = async (): Promise<void> => {
			await this.#remove(name);
			this.count -= 1;
		};
		try {
			const device = (await guest.script(appearScript(name), { timeout: APPEAR_TIMEOUT })).trim();
			const detach = async (): Promise<void> => {
				await guest.script(forgetScript(device));
				await remove();
			};
			return { device, detach };
		} catch (error) {
			// The machine may be gone, and the disk with it.
			await remove().catch(() => undefined);
			throw error instanceof NodebuildError && error.code === "INTERRUPTED" ? error : unseen(error);
		}
	}

	async #remove(name: string): Promise<void> {
		const gone = this.#qmp.waitFor(({ event, data }) => event === "DEVICE_DELETED" && data.device === name);
		await this.#qmp.execute("device_del", { id: name });
		await gone;
		await this.#qmp.execute("blockdev-del", { "node-name": name });
	}
}

function nodeOptions(name: string, { file, format, readOnly }: DiskFile): Record<string, unknown> {
	const discard = readOnly ? {} : { discard: "unmap" };
	return {
		driver: format,
		"node-name": name,
		"read-only": readOnly,
		// Nothing that is attached outlives its use: there is no need to wait for this host's disk.
		cache: { direct: false, "no-flush": true },
		// What the guest deletes becomes holes of the file.
		...discard,
		file: { driver: "file", filename: file, locking: "off", ...discard, cache: { "no-flush": true } },
	};
}

/**
 * Waits for the block device; opening it makes the kernel read its partitions first. By true(1): a device that cannot be
 * opened yet would end the shell that does it with ":".
 */
function appearScript(name: string): string {
	return `for try in $(seq 1200); do
	for file in /sys/block/*/device/model; do
		model=
		read -r model 2>/dev/null < "$file" || :
		[ "$model" = ${name} ] || continue
		device=\${file#/sys/block/}
		device=/dev/\${device%%/*}
		[ -b "$device" ] && true < "$device" && echo "$device" && exit 0
	done
	sleep 0.02
done 2>/dev/null
echo "no disk of the model ${name} appeared" >&2
exit 1
`;
}

/** The guest lets go of it first, in order; what QEMU then tells it is no news. */
function forgetScript(device: string): string {
	const sys = `/sys/block/${device.slice("/dev/".length)}`;
	return `[ ! -e ${quote(sys)} ] || echo 1 > ${quote(`${sys}/device/delete`)}\n`;
}

function unseen(cause: unknown): NodebuildError {
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: "a disk was attached to the machine, and its kernel did not show it",
		hint: "the kernel of the base needs the drivers virtio_scsi and sd_mod, which cloud kernels have",
		...(cause instanceof NodebuildError ? { details: [cause.message, ...cause.details] } : {}),
		cause,
	});
}
