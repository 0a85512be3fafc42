/**
 * What a disk stands on, told to QEMU file by file. A layer names the one below relative to its own folder, and QEMU puts
 * these names one behind the other: from about fifty layers on the path is longer than the kernel takes (PATH_MAX).
 */
import { closeSync, openSync, readSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** As in `blockdev-add` and in the file name `json:{...}` (qapi/block-core.json). */
export interface DiskNode {
	readonly driver: "qcow2" | "raw";
	readonly file: { readonly driver: "file"; readonly filename: string };
	readonly backing?: DiskNode;
}

/** Up to here QEMU finds the files itself. */
const SHALLOW = 24;
/** No chain is as long; a circle would be. */
const ENDLESS = 10_000;

const MAGIC = 0x51_46_49_fb;
const HEADER = 20;

/** The name of the backing file in a qcow2's header (docs/interop/qcow2.txt of QEMU); undefined: it has none. */
function backingNameIn(fd: number): { readonly qcow2: boolean; readonly name?: string } {
	const header = Buffer.alloc(HEADER);
	if (readSync(fd, header, 0, HEADER, 0) < HEADER || header.readUInt32BE(0) !== MAGIC) return { qcow2: false };
	const offset = Number(header.readBigUInt64BE(8));
	const length = header.readUInt32BE(16);
	if (offset === 0 || length === 0 || length > 1023) return { qcow2: true };
	const name = Buffer.alloc(length);
	readSync(fd, name, 0, length, offset);
	return { qcow2: true, name: name.toString("utf8") };
}

/** The files below a disk, the nearest first. Some bytes of each: in place, not by way of the thread pool. */
function filesBelow(file: string): readonly Omit<DiskNode, "backing">[] {
	const found: Omit<DiskNode, "backing">[] = [];
	for (let path = file; found.length < ENDLESS; ) {
		const { qcow2, name } = readBackingName(path);
		if (path !== file) found.push({ driver: qcow2 ? "qcow2" : "raw", file: { driver: "file", filename: path } });
		if (name === undefined || name.includes(":")) return found;
		path = resolve(dirname(path), name);
	}
	return found;
}

function tryFilesBelow(file: string): ReturnType<typeof filesBelow> {
	try {
		return filesBelow(file);
	} catch {
		return [];
	}
}

function readBackingName(path: string): ReturnType<typeof backingNameIn> {
	const fd = openSync(path, "r");
	try {
		return backingNameIn(fd);
	} finally {
		closeSync(fd);
	}
}

/** What a disk stands on, where QEMU could not find it itself; undefined also where a file is not there, which it tells better. */
export function deepBacking(file: string): DiskNode | undefined {
	const below = tryFilesBelow(file);
	if (below.length < SHALLOW) return undefined;
	return below.reduceRight<DiskNode | undefined>(
		(backing, node) => (backing === undefined ? node : { ...node, backing }),
		undefined,
	);
}

/** A disk's name for qemu-img. */
export function nameWithBacking(file: string): string {
	const backing = deepBacking(file);
	if (backing === undefined) return file;
	const node: DiskNode = { driver: "qcow2", file: { driver: "file", filename: resolve(file) }, backing };
	return `json:${JSON.stringify(node)}`;
}
