/**
 * GRUB's first stages for a BIOS, put into a disk file as grub-bios-setup does it with a GPT: the first
 * stage into the first sector, core.img into the BIOS boot partition. Offsets: include/grub/i386/pc/boot.h
 * and util/setup.c of GRUB 2. Pure.
 */

const SECTOR = 512;
/** GRUB_BOOT_MACHINE_KERNEL_SECTOR: where the first stage finds core.img, 64 bits. */
const KERNEL_SECTOR = 0x5c;
/** GRUB_BOOT_MACHINE_BOOT_DRIVE: 0xff, the drive that the BIOS says it booted from. */
const BOOT_DRIVE = 0x64;
/** GRUB_BOOT_MACHINE_DRIVE_CHECK: a jump over the workaround for BIOSes that pass a wrong drive; two NOPs enable it. */
const DRIVE_CHECK = 0x66;
/** GRUB_BOOT_MACHINE_WINDOWS_NT_MAGIC and what follows it belong to the partition table. */
const CODE_END = 440;
/** The block list of diskboot.img: 64 bits of sector, then length and segment, which grub-mkimage has filled in. */
const FIRST_BLOCK = SECTOR - 12;

export interface BootArea {
	/** Sector of the BIOS boot partition. */
	readonly start: number;
	readonly sectors: number;
}

/** What to write at the start of the disk (boot code only) and at the start of the BIOS boot partition. */
export function bootSectors(
	bootImage: Uint8Array,
	coreImage: Uint8Array,
	area: BootArea,
): { readonly code: Uint8Array; readonly core: Uint8Array } {
	const boot = Buffer.from(bootImage);
	const core = Buffer.from(coreImage);
	if (boot.length !== SECTOR || boot.readUInt16LE(510) !== 0xaa55) throw new Error("boot.img is not GRUB's");
	if (core.length < 2 * SECTOR || core.length > area.sectors * SECTOR) {
		throw new Error(`core.img has ${core.length} bytes, the BIOS boot partition ${area.sectors * SECTOR}`);
	}
	boot.writeBigUInt64LE(BigInt(area.start), KERNEL_SECTOR);
	boot[BOOT_DRIVE] = 0xff;
	boot[DRIVE_CHECK] = 0x90;
	boot[DRIVE_CHECK + 1] = 0x90;
	core.writeBigUInt64LE(BigInt(area.start + 1), FIRST_BLOCK);
	return { code: boot.subarray(0, CODE_END), core };
}
