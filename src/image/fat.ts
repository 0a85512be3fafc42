/**
 * Free clusters of FAT12, FAT16 and FAT32, as an EFI system partition has them. The layout is that of Microsoft's "FAT:
 * General Overview of On-Disk Format" 1.03; the state byte is Linux' (include/uapi/linux/msdos_fs.h, FAT_STATE_DIRTY).
 */
import type { BlockDevice, Extent } from "../layers/block-device.ts";

const SECTOR_SIZES = [512, 1024, 2048, 4096];
const STATE_DIRTY = 1;
/** So many clusters, at most, have entries of 12 and of 16 bits. */
const MOST_12 = 4084;
const MOST_16 = 65_524;

interface Fat {
	/** Bits of an entry. */
	readonly bits: 12 | 16 | 32;
	readonly clusters: number;
	/** Bytes. */
	readonly clusterSize: number;
	/** Bytes from the begin of the file system. */
	readonly tables: readonly number[];
	readonly tableSize: number;
	readonly data: number;
	readonly size: number;
}

function fatOf(boot: Buffer): Fat | undefined {
	const [sector, perCluster] = [boot.readUInt16LE(11), boot.readUInt8(13)];
	const [reserved, copies] = [boot.readUInt16LE(14), boot.readUInt8(16)];
	const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
	const perTable = boot.readUInt16LE(22) || boot.readUInt32LE(36);
	if (boot.readUInt16LE(510) !== 0xaa55 || !SECTOR_SIZES.includes(sector)) return undefined;
	if (perCluster === 0 || (perCluster & (perCluster - 1)) !== 0 || reserved === 0 || copies < 1 || copies > 2)
		return undefined;
	const root = Math.ceil((boot.readUInt16LE(17) * 32) / sector);
	const before = reserved + copies * perTable + root;
	const clusters = Math.floor((sectors - before) / perCluster);
	const bits = clusters <= MOST_12 ? 12 : clusters <= MOST_16 ? 16 : 32;
	const [name, state] = bits === 32 ? [0x52, 0x41] : [0x36, 0x25];
	if (boot.toString("latin1", name, name + 5) !== `FAT${bits}`) return undefined;
	if ((boot.readUInt8(state) & STATE_DIRTY) !== 0) return undefined;
	const tableSize = perTable * sector;
	if (clusters < 1 || (tableSize * 8) / bits < clusters + 2) return undefined;
	return {
		bits,
		clusters,
		clusterSize: perCluster * sector,
		tables: Array.from({ length: copies }, (_, copy) => (reserved + copy * perTable) * sector),
		tableSize,
		data: before * sector,
		size: sectors * sector,
	};
}

/** What follows a cluster in its file; 0: it is free. */
function entryOf(table: Buffer, bits: Fat["bits"], cluster: number): number {
	if (bits === 32) return table.readUInt32LE(cluster * 4) & 0x0fff_ffff;
	if (bits === 16) return table.readUInt16LE(cluster * 2);
	const both = table.readUInt16LE(cluster + (cluster >> 1));
	return (cluster & 1) === 0 ? both & 0xfff : both >> 4;
}

/**
 * Bytes of the disk that are free clusters of the FAT file system at `offset`, and how long that is; undefined where
 * there is none, or one that was not unmounted or whose tables differ.
 */
export async function freeOfFat(
	disk: BlockDevice,
	offset: number,
): Promise<{ readonly free: readonly Extent[]; readonly length: number } | undefined> {
	if (offset + 512 > disk.size) return undefined;
	const fat = fatOf(await disk.read(offset, 512));
	if (fat === undefined || offset + fat.size > disk.size) return undefined;
	const tables: Buffer[] = [];
	for (const at of fat.tables) tables.push(await disk.read(offset + at, fat.tableSize));
	const [table, other = table] = tables;
	if (table === undefined || other?.equals(table) !== true) return undefined;
	const free: Extent[] = [];
	let first = -1;
	for (let cluster = 2; cluster <= fat.clusters + 2; cluster++) {
		const isFree = cluster < fat.clusters + 2 && entryOf(table, fat.bits, cluster) === 0;
		if (isFree && first < 0) first = cluster;
		if (isFree || first < 0) continue;
		const at = offset + fat.data + (first - 2) * fat.clusterSize;
		free.push({ offset: at, length: (cluster - first) * fat.clusterSize });
		first = -1;
	}
	return { free, length: fat.size };
}
