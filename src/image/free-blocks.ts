/**
 * What files left behind: blocks that a file system no longer uses keep what was in them until something else is written
 * there. fstrim(8) gives back only what fills a whole cluster of the disk's file, so a key that was deleted would still be
 * in the image. Here every free block that is not zeros is made zeros, on the disk of a machine whose file systems are
 * read-only and clean: FAT (fat.ts) and ext2, ext3 and ext4, whose layout is that of Linux' Documentation/filesystems/ext4.
 */
import type { BlockDevice, Extent } from "../layers/block-device.ts";
import { freeOfFat } from "./fat.ts";

const SECTOR = 512;
const EXT_MAGIC = 0xef53;
const INCOMPAT = { recover: 0x4, journalDevice: 0x8, metaBg: 0x10, bits64: 0x80 } as const;
const RO_COMPAT_BIGALLOC = 0x200;
const STATE_CLEAN = 1;
/** Bytes of a partition table; 16 KiB is what all have. */
const MOST_PARTITIONS = 2 ** 20;
/** What else may begin where a superblock of an earlier ext4 has been left: XFS, LUKS, LVM, swap, btrfs. */
const OTHERS: readonly (readonly [offset: number, magic: string])[] = [
	[0, "XFSB"],
	[0, "LUKS"],
	[512, "LABELONE"],
	[4086, "SWAPSPACE2"],
	[0x10040, "_BHRfS_M"],
];
const BLOCK_UNINIT = 2;

interface FileSystem {
	/** Bytes from the begin of the disk. */
	readonly offset: number;
	readonly blockSize: number;
	readonly blocks: number;
	readonly firstBlock: number;
	readonly perGroup: number;
	readonly descriptorSize: number;
}

/** Bytes where file systems may begin: the partitions of a GPT or an MBR, or the disk itself. */
async function volumes(disk: BlockDevice): Promise<readonly number[]> {
	const head = await disk.read(0, Math.min(disk.size, 34 * SECTOR));
	if (head.length < 34 * SECTOR) return [0];
	const header = head.subarray(SECTOR, 2 * SECTOR);
	if (header.toString("latin1", 0, 8) === "EFI PART") {
		const table = Number(header.readBigUInt64LE(72)) * SECTOR;
		const count = header.readUInt32LE(80);
		const size = header.readUInt32LE(84);
		if (count * size > MOST_PARTITIONS) return [];
		const entries = await disk.read(table, count * size);
		return [...Array(count).keys()]
			.map((index) => Number(entries.readBigUInt64LE(index * size + 32)) * SECTOR)
			.filter((at) => at > 0);
	}
	const partitions = [446, 462, 478, 494].map((entry) => head.readUInt32LE(entry + 8) * SECTOR).filter((at) => at > 0);
	return head.readUInt16LE(510) === 0xaa55 && partitions.length > 0 ? partitions : [0];
}

/** What else begins there, or an ext file system's own superblock, which may be an unsound one. */
type Found = "other" | "ext" | "none";

/** The first bytes of a volume tell what it is; `block` is where a superblock of ext2 to ext4 lies. */
async function lookAt(disk: BlockDevice, offset: number): Promise<{ readonly found: Found; readonly block: Buffer }> {
	const begin = await disk.read(offset, Math.min(0x10048, disk.size - offset));
	const block = begin.subarray(1024, 2048);
	if (OTHERS.some(([at, magic]) => begin.toString("latin1", at, at + magic.length) === magic))
		return { found: "other", block };
	return { found: block.readUInt16LE(0x38) === EXT_MAGIC ? "ext" : "none", block };
}

/** Undefined: one that is not as it should be; it is left as it is. */
function extOf(block: Buffer, offset: number): FileSystem | undefined {
	if ((block.readUInt16LE(0x3a) & 3) !== STATE_CLEAN) return undefined;
	const incompat = block.readUInt32LE(0x60);
	if (block.readUInt16LE(0x38) !== EXT_MAGIC || (block.readUInt16LE(0x3a) & 3) !== STATE_CLEAN) return undefined;
	if ((incompat & (INCOMPAT.recover | INCOMPAT.journalDevice | INCOMPAT.metaBg)) !== 0) return undefined;
	if ((block.readUInt32LE(0x64) & RO_COMPAT_BIGALLOC) !== 0) return undefined;
	const wide = (incompat & INCOMPAT.bits64) !== 0;
	return {
		offset,
		blockSize: 1024 << block.readUInt32LE(0x18),
		blocks: block.readUInt32LE(0x4) + (wide ? block.readUInt32LE(0x150) * 2 ** 32 : 0),
		firstBlock: block.readUInt32LE(0x14),
		perGroup: block.readUInt32LE(0x20),
		descriptorSize: wide ? block.readUInt16LE(0xfe) : 32,
	};
}

/**
 * Free blocks of all groups that were ever written to. A group whose bitmap does not have as many free bits as its
 * descriptor says is left alone.
 */
async function* freeExtents(disk: BlockDevice, system: FileSystem): AsyncIterable<Extent> {
	const { offset, blockSize, blocks, firstBlock, perGroup, descriptorSize: size } = system;
	const groups = Math.ceil((blocks - firstBlock) / perGroup);
	const descriptors = await disk.read(offset + (firstBlock + 1) * blockSize, groups * size);
	const wide = size >= 64;
	for (let group = 0; group < groups; group++) {
		const descriptor = descriptors.subarray(group * size, (group + 1) * size);
		if ((descriptor.readUInt16LE(0x12) & BLOCK_UNINIT) !== 0) continue;
		const bitmapBlock = descriptor.readUInt32LE(0) + (wide ? descriptor.readUInt32LE(0x20) * 2 ** 32 : 0);
		const free = descriptor.readUInt16LE(0xc) + (wide ? descriptor.readUInt16LE(0x2c) * 2 ** 16 : 0);
		if (free === 0) continue;
		const begin = firstBlock + group * perGroup;
		const count = Math.min(perGroup, blocks - begin);
		const bitmap = await disk.read(offset + bitmapBlock * blockSize, Math.ceil(count / 8));
		const runs = [...freeRuns(bitmap, count)];
		if (runs.reduce((sum, run) => sum + run.count, 0) !== free) continue;
		for (const run of runs) yield { offset: offset + (begin + run.first) * blockSize, length: run.count * blockSize };
	}
}

/** Runs of bits that are not set. */
function* freeRuns(bitmap: Buffer, count: number): Iterable<{ readonly first: number; readonly count: number }> {
	let first = -1;
	for (let bit = 0; bit <= count; ) {
		// Whole bytes at once: most are all free or all taken.
		const byte = bitmap[bit >> 3];
		if ((bit & 7) === 0 && bit + 8 <= count && (byte === 0 || byte === 0xff)) {
			if (byte === 0 && first < 0) first = bit;
			if (byte === 0xff && first >= 0) {
				yield { first, count: bit - first };
				first = -1;
			}
			bit += 8;
			continue;
		}
		const free = bit < count && ((byte ?? 0xff) & (1 << (bit & 7))) === 0;
		if (free && first < 0) first = bit;
		if (!free && first >= 0) {
			yield { first, count: bit - first };
			first = -1;
		}
		bit += 1;
	}
}

/** Parts of `ranges` that are in `extents` too; both in order. */
export function* overlap(ranges: readonly Extent[], extents: readonly Extent[]): Iterable<Extent> {
	let next = 0;
	for (const range of ranges) {
		const end = range.offset + range.length;
		while (next < extents.length) {
			const extent = extents[next];
			if (extent === undefined || extent.offset >= end) break;
			const extentEnd = extent.offset + extent.length;
			const offset = Math.max(range.offset, extent.offset);
			const length = Math.min(end, extentEnd) - offset;
			if (length > 0) yield { offset, length };
			if (extentEnd > end) break;
			next += 1;
		}
	}
}

/** What is free in the volume at `offset`, and the volume's length; undefined where that is not known. */
async function freeIn(
	disk: BlockDevice,
	offset: number,
): Promise<{ readonly free: readonly Extent[]; readonly length: number } | undefined> {
	if (offset + 2048 > disk.size) return undefined;
	const { found, block } = await lookAt(disk, offset);
	if (found === "none") return await freeOfFat(disk, offset);
	const system = found === "ext" ? extOf(block, offset) : undefined;
	if (system === undefined) return undefined;
	const free: Extent[] = [];
	for await (const extent of freeExtents(disk, system)) free.push(extent);
	return { free, length: system.blocks * system.blockSize };
}

/** Make all free blocks zeros. Resolves with the bytes that were not. */
export async function clearFreeBlocks(disk: BlockDevice): Promise<number> {
	let cleared = 0;
	for (const offset of await volumes(disk)) {
		const volume = await freeIn(disk, offset);
		if (volume === undefined) continue;
		const written = await disk.written({ offset, length: Math.min(volume.length, disk.size - offset) });
		for (const part of overlap(volume.free, written)) {
			await disk.clear(part);
			cleared += part.length;
		}
	}
	return cleared;
}
