/** What to do where machines do not come up for what the host's KVM, or QEMU, lacks. */
import { join } from "node:path";
import { NodebuildError } from "../errors.ts";
import type { Store } from "../layers/store.ts";
import { readEnvironment } from "../system/env.ts";
import type { Emit } from "../events.ts";
import type { AcceleratorReport } from "../machine/qemu/accelerator.ts";
import { watchConsole } from "./silence.ts";

export interface Host {
	readonly qemu: string;
	readonly report: AcceleratorReport;
}

/** Where what was found out is remembered and told. */
interface Place {
	readonly store: Store;
	readonly emit: Emit;
}

interface Patience {
	readonly signal: AbortSignal;
	/** Milliseconds that a guest's console may be silent while it boots, under KVM that has not proven itself. */
	readonly patience?: number;
}

/** A guest under KVM boots within ten seconds or so; its firmware, loader and kernel write to the console. */
const PATIENCE = 45_000;

/** KVM started QEMU, but runs no whole kernel: some hosts' nested virtualization is like that. */
class UnsoundKvm extends Error {}

/**
 * Boot something, from a disk that stays as it is; where KVM turns out to run no kernels, once more with emulation, and
 * once more where QEMU itself crashed, as QEMU 10 did under an emulated boot. @throws what `boot` throws.
 */
export async function onSoundHost<T>(host: Host, request: Place, boot: (host: Host) => Promise<T>): Promise<T> {
	try {
		return await boot(host);
	} catch (error) {
		if (error instanceof UnsoundKvm) return await boot(await fallBack(host, request));
		if (!(error instanceof NodebuildError) || error.code !== "QEMU_CRASHED") throw error;
		request.emit({ type: "info", message: `QEMU crashed, the machine is booted once more: ${error.message}` });
		return await boot(host);
	}
}

/** How one boot goes under an accelerator that may not be sound. */
export interface KvmWatch {
	/** Fires with the request's own, and when the guest says nothing. */
	readonly signal: AbortSignal;
	/** What to throw for an error of that boot. */
	explain(error: unknown): unknown;
	stop(): void;
}

/** @param proven the machine came up with it before, or goes on from a state. */
export function watchKvm(
	host: Host,
	folder: string,
	{ signal, patience }: Patience,
	proven = host.report.proven === true,
): KvmWatch {
	const kvm = host.report.accelerator === "kvm";
	const watch = kvm && !proven ? watchConsole(join(folder, "console.log"), patience ?? PATIENCE) : undefined;
	return {
		signal: watch === undefined ? signal : AbortSignal.any([signal, watch.signal]),
		explain: (error) => {
			const silent = watch?.signal.aborted === true && !signal.aborted;
			const failed = kvm && error instanceof NodebuildError && error.code === "KVM_FAILED";
			return silent || failed ? new UnsoundKvm() : error;
		},
		stop: () => watch?.stop(),
	};
}

/** Emulation from now on, until the host is booted anew. @throws NodebuildError where KVM was demanded. */
async function fallBack({ qemu, report }: Host, { store, emit }: Place): Promise<Host> {
	const { accelerator: choice } = readEnvironment();
	const why = "/dev/kvm exists and a probe guest ran under it, but a machine came to nothing";
	if (choice === "kvm")
		throw new NodebuildError({
			code: "MACHINE_NOT_READY",
			message: `NODEBUILD_ACCEL asks for KVM: ${why}`,
			hint: "unset NODEBUILD_ACCEL to build with emulation, which is slower but gives the same result",
		});
	const emulating = await emulateFromNowOn({ qemu, report }, store, why);
	emit({ type: "info", message: `machines are emulated from now on: ${why}` });
	return emulating;
}

/** KVM failed a machine: those to come are emulated, until this host is booted anew. */
export async function emulateFromNowOn({ qemu, report }: Host, store: Store, why: string): Promise<Host> {
	const { remember } = await import("../machine/qemu/accelerator.ts");
	const emulating = { accelerator: "tcg", why, qemuVersion: report.qemuVersion } as const;
	const { accelerator: choice } = readEnvironment();
	// Who demands KVM is told that it fails, each time.
	if (choice !== "kvm") await remember(join(store.home, "host"), { qemu, choice }, emulating);
	return { qemu, report: emulating };
}
