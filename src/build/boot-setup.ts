/** A throwaway boot for the making of bases: proves that a disk starts by itself. */
import type { BootForSetup } from "../bases/options.ts";
import type { Store } from "../layers/store.ts";
import { info } from "../layers/qcow2.ts";
import { explainLoss } from "./loss.ts";
import { probeHost } from "./machines.ts";
import { type Host, onSoundHost, watchKvm } from "./sound-host.ts";
import type { BuildOptions } from "./types.ts";

export function bootForSetup(
	store: Store,
	options: Pick<BuildOptions, "emit" | "signal" | "memory" | "cpus">,
): BootForSetup {
	return async (disk, boot, use) => {
		const { startMachine } = await import("../machine/qemu/start.ts");
		const attempt = async (host: Host): Promise<void> => {
			const work = await store.workDir();
			const watch = watchKvm(host, work.path, options);
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
					signal: watch.signal,
					onWarning: ({ description, detail }) =>
						options.emit({ type: "warning", message: `expected that ${description}, got: ${detail}` }),
				});
				watch.stop();
				try {
					await use(machine.guest);
				} catch (error) {
					throw await explainLoss(machine, error);
				} finally {
					await machine.kill();
				}
			} catch (error) {
				throw watch.explain(error);
			} finally {
				watch.stop();
				await work.release();
			}
		};
		const host = await probeHost(store, options.emit, options.signal);
		await onSoundHost(host, { store, emit: options.emit }, attempt);
	};
}
