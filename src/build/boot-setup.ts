/** A throwaway boot for the making of bases: proves that a disk starts by itself. */
import type { BootForSetup } from "../bases/options.ts";
import type { Store } from "../layers/store.ts";
import { info } from "../layers/qcow2.ts";
import { probeHost } from "./machines.ts";
import type { BuildOptions } from "./types.ts";

export function bootForSetup(
	store: Store,
	options: Pick<BuildOptions, "emit" | "signal" | "memory" | "cpus">,
): BootForSetup {
	return async (disk, boot, use) => {
		const { startMachine } = await import("../machine/qemu/start.ts");
		const host = await probeHost(store, options.emit, options.signal);
		const work = await store.workDir();
		try {
			const { virtualSize } = await info(disk.file, disk.format);
			const machine = await startMachine({
				spec: { memory: options.memory, cpus: options.cpus },
				disk: { backing: disk.file, backingName: disk.file, format: disk.format, virtualSize },
				folder: work.path,
				qemu: host.qemu,
				accelerator: host.report.accelerator,
				purpose: "run",
				firstBoot: true,
				...(boot.kernel === undefined
					? {}
					: { kernel: { image: boot.kernel, initrd: boot.initrd ?? "", append: boot.append ?? "" } }),
				signal: options.signal,
				onWarning: ({ description, detail }) =>
					options.emit({ type: "warning", message: `expected that ${description}, got: ${detail}` }),
			});
			try {
				await use(machine.guest);
			} finally {
				await machine.kill();
			}
		} finally {
			await work.release();
		}
	};
}
