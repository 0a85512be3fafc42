/**
 * Empty overlays. Written here and not by qemu-img(1), which takes as long to start as a small step takes to run, and
 * leaves 100 KiB of zeros where this leaves holes. The format is that of QEMU's docs/interop/qcow2.txt.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { NodebuildError } from "../errors.ts";
import { whenFull } from "../system/files.ts";

/**
 * Clusters of 32 KiB with subclusters of 1 KiB (QEMU 5.2): a guest's 4 KiB write takes 4 KiB and copies
 * nothing from below. Small steps take less than half of what they take with qemu-img's defaults, large
 * ones a quarter less. Figures: docs/adr/0003-store-durability.md.
 */
const CLUSTER_BITS = 15;
const CLUSTER = 1 << CLUSTER_BITS;
/** Bytes of an entry of a table of the second level, with its bitmap of subclusters. */
const L2_ENTRY = 16;
const L1_ENTRY = 8;
/** Bytes of the disk that one entry of the table of the first level is for. */
const L1_COVERS = CLUSTER * (CLUSTER / L2_ENTRY);
const EXTENDED_L2 = 4;
/** Bits of a reference count: 1 << 4. */
const REFCOUNT_ORDER = 4;
const HEADER_LENGTH = 112;
const SECTOR = 512;
/** "The maximum size is 1023 bytes." */
const LONGEST_NAME = 1023;
const EXTENSION = { backingFormat: 0xe2792aca, featureNames: 0x6803f857 } as const;

/** What a QEMU that is too old says is missing: kind (0: without it the disk cannot be read), bit, name of 46 bytes. */
const FEATURES = Buffer.concat([
	Buffer.from([0, EXTENDED_L2]),
	Buffer.from("extended L2 entries".padEnd(46, "\0"), "latin1"),
]);

export interface OverlayRequest {
	readonly file: string;
	/** Written into the overlay as it is; see backingName() in paths.ts. It is not opened, nor need it exist. */
	readonly backingName: string;
	readonly backingFormat: "qcow2" | "raw";
	/** Bytes, at least the backing disk's. */
	readonly virtualSize: number;
}

/** Where what is not zeros lies, and how long the file is. Pure. @throws NodebuildError INTERNAL for a name that is too long. */
export function overlayContent({ backingName, backingFormat, virtualSize }: Omit<OverlayRequest, "file">): {
	readonly pieces: readonly (readonly [offset: number, data: Buffer])[];
	readonly length: number;
} {
	const name = Buffer.from(backingName);
	const size = Math.ceil(virtualSize / SECTOR) * SECTOR;
	if (name.length > LONGEST_NAME)
		throw new NodebuildError({ code: "INTERNAL", message: `the name of a backing file is too long: ${backingName}` });
	const l1Size = Math.ceil(size / L1_COVERS);
	const [refcountTable, refcountBlock, l1Table] = [CLUSTER, 2 * CLUSTER, 3 * CLUSTER];
	const length = l1Table + l1Size * L1_ENTRY;
	const extensions = Buffer.concat([
		extension(EXTENSION.backingFormat, Buffer.from(backingFormat)),
		extension(EXTENSION.featureNames, FEATURES),
		Buffer.alloc(8),
	]);
	const header = Buffer.alloc(HEADER_LENGTH);
	header.write("QFI\xfb", "latin1");
	header.writeUInt32BE(3, 4);
	header.writeBigUInt64BE(BigInt(HEADER_LENGTH + extensions.length), 8);
	header.writeUInt32BE(name.length, 16);
	header.writeUInt32BE(CLUSTER_BITS, 20);
	header.writeBigUInt64BE(BigInt(size), 24);
	header.writeUInt32BE(l1Size, 36);
	header.writeBigUInt64BE(BigInt(l1Table), 40);
	header.writeBigUInt64BE(BigInt(refcountTable), 48);
	header.writeUInt32BE(1, 56);
	header.writeBigUInt64BE(1n << BigInt(EXTENDED_L2), 72);
	header.writeUInt32BE(REFCOUNT_ORDER, 96);
	header.writeUInt32BE(HEADER_LENGTH, 100);
	const table = Buffer.alloc(8);
	table.writeBigUInt64BE(BigInt(refcountBlock));
	const counts = Buffer.alloc(2 * Math.ceil(length / CLUSTER));
	for (let at = 0; at < counts.length; at += 2) counts.writeUInt16BE(1, at);
	return {
		pieces: [
			[0, Buffer.concat([header, extensions, name])],
			[refcountTable, table],
			[refcountBlock, counts],
		],
		length,
	};
}

/** "Padding to round up the header extension size to the next multiple of 8." */
function extension(type: number, data: Buffer): Buffer {
	const head = Buffer.alloc(8);
	head.writeUInt32BE(type, 0);
	head.writeUInt32BE(data.length, 4);
	return Buffer.concat([head, data, Buffer.alloc(-data.length & 7)]);
}

/** @throws NodebuildError HOST_DISK_FULL */
export async function createOverlay({ file, ...request }: OverlayRequest): Promise<void> {
	const { pieces, length } = overlayContent(request);
	await whenFull({ path: file, action: `write ${file}` }, async () => {
		const descriptor = openSync(file, "w");
		try {
			for (const [offset, data] of pieces) writeSync(descriptor, data, 0, data.length, offset);
			ftruncateSync(descriptor, length);
		} finally {
			closeSync(descriptor);
		}
	});
}
