/** Why a machine is none any more, and what to do about it. Pure. */
import { NodebuildError } from "../../errors.ts";

/** QEMU stops a guest whose disk file cannot be written (werror=enospc); it could only wait. */
export function blockError(data: Readonly<Record<string, unknown>>, cause?: unknown): NodebuildError {
	const full = data.nospace === true;
	return new NodebuildError({
		code: full ? "HOST_DISK_FULL" : "MACHINE_LOST",
		message: full
			? "this host's disk is full: the machine could not write to its disk"
			: `the machine could not ${String(data.operation ?? "reach")} its disk: ${String(data.reason ?? "I/O error")}`,
		hint: full
			? 'free some space ("nodebuild prune" removes layers that no image needs), then run the build again: it goes on after the last finished step'
			: "look at the host's disk and its kernel log",
		cause,
	});
}

export function poweredOff(): NodebuildError {
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: "the machine was powered off from within",
		hint: "a step may reboot the machine, but must not power it off: nodebuild does that once the image is done",
	});
}

export function kernelPanic(line: string): NodebuildError {
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: `the machine's kernel crashed and did not reboot: ${line}`,
		hint: "nodebuild shell boots the layer before this step; a kernel that lacks memory gets more with --memory",
	});
}

export function kvmFailed(): NodebuildError {
	return new NodebuildError({
		code: "KVM_FAILED",
		message: "KVM could not run an instruction of the guest, and QEMU stopped the machine (internal error)",
		hint: "run the build again: machines are emulated until this host is booted anew, which is slower and gives the same result",
	});
}

export function qemuEnded(status: number | undefined, signal: string | undefined): NodebuildError {
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: `the machine's QEMU process ended: ${signal === undefined ? `exit status ${status}` : `killed by ${signal}`}`,
		hint:
			signal === "SIGKILL"
				? "the kernel kills processes when the host's memory is short (see dmesg): give machines less with --memory"
				: "run the build again: it goes on after the last finished step",
	});
}
