/** The QEMU command line as a function of what is asked for. Pure, so it can be read and tested. */
import type { DiskNode } from "../../layers/backing.ts";
import type { MachineSpec } from "../types.ts";
import {
	AGENT_PORT,
	MANAGEMENT_ADDRESS,
	MANAGEMENT_MAC,
	PRIMARY_MAC,
	SCSI_CONTROLLER,
	SSH_PORT,
	TOOLS_SERIAL,
} from "./names.ts";

export type Accelerator = "kvm" | "tcg";

export interface QemuFiles {
	/** qcow2 overlay that the machine writes to. */
	readonly disk: string;
	readonly diskNode: string;
	/** What the overlay stands on, where QEMU could not find it by the names in the files. */
	readonly backing?: DiskNode;
	/** FAT image labelled CIDATA for cloud-init's NoCloud. */
	readonly seed: string;
	/** Raw tar archive with what our own sshd needs. */
	readonly tools: string;
	/** Log of the serial console. */
	readonly console: string;
	/** Unix socket on which the console can be used. */
	readonly consoleSocket?: string;
	/** Direct kernel boot, for a disk that has no boot loader yet. */
	readonly kernel?: { readonly image: string; readonly initrd: string; readonly append: string };
	/** Base file of the guest's memory, mapped privately: the machine can be frozen with its live state. */
	readonly ram?: string;
	/** Wait for a device state before running. */
	readonly incoming?: boolean;
	/** UEFI firmware image; BIOS when absent. */
	readonly firmware?: string;
}

/**
 * `max` is not the fastest CPU model under emulation. In family 16 (K10) Linux has no need of the return thunks of later
 * ones, nor of anything that the newest need: docs/performance.md.
 */
const TCG_CPU = "EPYC,family=16";

/** Commas in values are doubled (qemu(1), "-drive"). */
function value(text: string): string {
	return text.replaceAll(",", ",,");
}

export function qemuArguments(spec: MachineSpec, files: QemuFiles, accelerator: Accelerator): string[] {
	return [
		...["-name", "nodebuild", "-nodefaults", "-no-user-config"],
		...["-machine", `q35,vmport=off,smm=off${files.ram === undefined ? "" : ",memory-backend=ram"}`],
		...acceleration(accelerator),
		...["-m", String(spec.memory), "-smp", String(spec.cpus)],
		...memory(spec, files),
		...["-display", "none", "-vga", "none", "-rtc", "base=utc"],
		...["-chardev", consoleDevice(files), "-serial", "chardev:console"],
		...["-chardev", "stdio,id=qmp,signal=off", "-mon", "chardev=qmp,mode=control"],
		...firmware(files),
		...disks(files),
		...network(spec, files),
		...["-device", "virtio-rng-pci,bus=pcie.0,addr=0x8"],
		...["-device", "vmgenid,guid=auto"],
		...["-device", `virtio-scsi-pci,id=${SCSI_CONTROLLER},bus=pcie.0,addr=0xb`],
		...["-device", "pcie-root-port,id=port0,chassis=1,bus=pcie.0,addr=0x9"],
		...["-device", "pcie-root-port,id=port1,chassis=2,bus=pcie.0,addr=0xa"],
		...(spec.agentChannel === true ? AGENT_CHANNEL : []),
		...kernel(files),
	];
}

/** Nobody listens at its other end. */
const AGENT_CHANNEL = [
	...["-device", "virtio-serial-pci,bus=pcie.0,addr=0xc", "-chardev", "null,id=agent"],
	...["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
];

function acceleration(accelerator: Accelerator): string[] {
	if (accelerator === "kvm") return ["-accel", "kvm", "-cpu", "host"];
	return ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", TCG_CPU];
}

function consoleDevice({ console, consoleSocket }: QemuFiles): string {
	if (consoleSocket === undefined) return `file,id=console,path=${value(console)},append=on`;
	return `socket,id=console,path=${value(consoleSocket)},server=on,wait=off,logfile=${value(console)},logappend=on`;
}

function memory(spec: MachineSpec, files: QemuFiles): string[] {
	if (files.ram === undefined) return [];
	// share=off: what the guest writes stays in the process. Never give such a machine a balloon: discarding
	// pages of a private mapping punches holes into the file that others use.
	const backend = `memory-backend-file,id=ram,size=${spec.memory}M,mem-path=${value(files.ram)},share=off`;
	// Device states are saved without the configuration section (xen-save-devices-state).
	const globals = ["-global", "migration.send-configuration=off"];
	return ["-object", backend, ...globals, ...(files.incoming === true ? ["-incoming", "defer"] : [])];
}

function firmware(files: QemuFiles): string[] {
	if (files.firmware === undefined) return [];
	return ["-drive", `if=pflash,format=raw,readonly=on,file=${value(files.firmware)}`];
}

/** Options of the node over an overlay file; the same ones are used when an overlay is added later. */
export function diskNodeOptions(node: string, file: string, backing?: DiskNode): Record<string, unknown> {
	return {
		driver: "qcow2",
		"node-name": node,
		discard: "unmap",
		// An overlay is only renamed into the store after an explicit fsync of ours.
		cache: { direct: false, "no-flush": true },
		file: { driver: "file", filename: file, discard: "unmap", locking: "off", cache: { "no-flush": true } },
		...(backing === undefined ? {} : { backing }),
	};
}

function disks(files: QemuFiles): string[] {
	const readOnly = (node: string, file: string): string =>
		JSON.stringify({
			driver: "raw",
			"node-name": node,
			"read-only": true,
			file: { driver: "file", filename: file, locking: "off" },
		});
	return [
		...["-blockdev", JSON.stringify(diskNodeOptions(files.diskNode, files.disk, files.backing))],
		// share-rw: once the guest stands still, we clean up behind it through QEMU's own disk server.
		...["-device", `virtio-blk-pci,id=disk,drive=${files.diskNode},bus=pcie.0,addr=0x3,bootindex=0,share-rw=on`],
		...["-blockdev", readOnly("seed", files.seed)],
		...["-device", "virtio-blk-pci,drive=seed,bus=pcie.0,addr=0x4,serial=nodebuild-seed"],
		...["-blockdev", readOnly("tools", files.tools)],
		...["-device", `virtio-blk-pci,drive=tools,bus=pcie.0,addr=0x5,serial=${TOOLS_SERIAL}`],
	];
}

function network(spec: MachineSpec, files: QemuFiles): string[] {
	const forwards = (spec.forwards ?? []).map(
		(forward) => `,hostfwd=${forward.protocol}:127.0.0.1:${forward.host}-:${forward.guest}`,
	);
	const ours = (files.ram === undefined ? [SSH_PORT] : [SSH_PORT, AGENT_PORT]).map(
		(port) => `,hostfwd=tcp:127.0.0.1:0-${MANAGEMENT_ADDRESS}:${port}`,
	);
	const management = `user,id=management,restrict=on,net=10.0.3.0/24${ours.join("")}`;
	return [
		...["-netdev", `user,id=primary${forwards.join("")}`],
		...["-device", `virtio-net-pci,netdev=primary,mac=${PRIMARY_MAC},bus=pcie.0,addr=0x6,romfile=`],
		...["-netdev", management],
		...["-device", `virtio-net-pci,netdev=management,mac=${MANAGEMENT_MAC},bus=pcie.0,addr=0x7,romfile=`],
	];
}

function kernel(files: QemuFiles): string[] {
	if (files.kernel === undefined) return [];
	return ["-kernel", files.kernel.image, "-initrd", files.kernel.initrd, "-append", files.kernel.append];
}
