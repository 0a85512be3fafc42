/**
 * What a disk file is, by its own first bytes. qemu-img's probing is not asked: it takes anything for raw,
 * and a raw disk whose guest wrote a qcow2 header into it would let that guest name files of the host.
 */
import { open } from "node:fs/promises";

export type DiskFormat = "qcow2" | "vmdk" | "vhdx" | "vpc" | "raw";

export interface DiskHeader {
	/** Undefined: none of those we know. */
	readonly format: DiskFormat | undefined;
	/** What it needs besides itself: a backing file, an external data file, a descriptor's extents. */
	readonly needs?: "backing file" | "external data file" | "extents";
}

/** qcow2 specification, "Header": incompatible feature bit 2. */
const EXTERNAL_DATA = 1n << 2n;

/** Read the header; `name` decides whether something without a magic number may be raw. */
export async function readHeader(file: string, name: string): Promise<DiskHeader> {
	const handle = await open(file, "r");
	try {
		const head = Buffer.alloc(1024);
		const { bytesRead } = await handle.read(head, 0, head.length, 0);
		return identify(head.subarray(0, bytesRead), name);
	} finally {
		await handle.close();
	}
}

function identify(head: Buffer, name: string): DiskHeader {
	const magic = (text: string): boolean => head.subarray(0, text.length).equals(Buffer.from(text, "latin1"));
	if (magic("QFI\xfb")) return qcow2(head);
	if (magic("KDMV") || magic("COWD")) return { format: "vmdk" };
	if (magic("# Disk DescriptorFile")) return { format: "vmdk", needs: "extents" };
	if (magic("vhdxfile")) return { format: "vhdx" };
	if (magic("conectix")) return { format: "vpc" };
	return /\.(raw|img)$/i.test(name) && hasPartitionTable(head) ? { format: "raw" } : { format: undefined };
}

function qcow2(head: Buffer): DiskHeader {
	if (head.length < 104) return { format: undefined };
	const version = head.readUInt32BE(4);
	if (version >= 3 && (head.readBigUInt64BE(72) & EXTERNAL_DATA) !== 0n) {
		return { format: "qcow2", needs: "external data file" };
	}
	return head.readBigUInt64BE(8) === 0n ? { format: "qcow2" } : { format: "qcow2", needs: "backing file" };
}

/**
 * Bytes that a raw disk says it has: its GPT names the last block, where the table's copy is (UEFI specification 2.10, table
 * 5.5, AlternateLBA). Undefined: it does not say.
 */
export async function statedSize(file: string): Promise<number | undefined> {
	const handle = await open(file, "r");
	try {
		const head = Buffer.alloc(1024);
		const { bytesRead } = await handle.read(head, 0, head.length, 0);
		if (bytesRead < 552 || head.subarray(512, 520).toString("latin1") !== "EFI PART") return undefined;
		return Number(head.readBigUInt64LE(544) + 1n) * 512;
	} finally {
		await handle.close();
	}
}

/** A GPT, or an MBR with at least one partition. */
function hasPartitionTable(head: Buffer): boolean {
	if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return false;
	if (head.subarray(512, 520).toString("latin1") === "EFI PART") return true;
	return [446, 462, 478, 494].some((entry) => head[entry + 4] !== 0);
}
