/**
 * What a disk stands on, told to QEMU file by file. A layer names the one below relative to its own folder, and QEMU puts
 * these names one behind the other: from about fifty layers on the path is longer than the kernel takes (PATH_MAX).
 */
import { type FileHandle, open } from "node:fs/promises";
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
async function backingNameIn(handle: FileHandle): Promise<{ readonly qcow2: boolean; readonly name?: string }> {
	const header = Buffer.alloc(HEADER);
	const { bytesRead } = await handle.read(header, 0, HEADER, 0);
	if (bytesRead < HEADER || header.readUInt32BE(0) !== MAGIC) return { qcow2: false };
	const offset = Number(header.readBigUInt64BE(8));
	const length = header.readUInt32BE(16);
	if (offset === 0 || length === 0 || length > 1023) return { qcow2: true };
	const name = Buffer.alloc(length);
	await handle.read(name, 0, length, offset);
	return { qcow2: true, name: name.toString("utf8") };
}

/** The files below a disk, the nearest first. */
async function filesBelow(file: string): Promise<readonly Omit<DiskNode, "backing">[]> {
	const found: Omit<DiskNode, "backing">[] = [];
	for (let path = file; found.length < ENDLESS; ) {
		await using handle = await open(path, "r");
		const { qcow2, name } = await backingNameIn(handle);
		if (path !== file) found.push({ driver: qcow2 ? "qcow2" : "raw", file: { driver: "file", filename: path } });
		if (name === undefined || name.includes(":")) return found;
		path = resolve(dirname(path), name);
	}
	return found;
}

/** What a disk stands on, where QEMU could not find it itself. @throws Error of the system for a file that is not there. */
export async function deepBacking(file: string): Promise<DiskNode | undefined> {
	const below = await filesBelow(file);
	if (below.length < SHALLOW) return undefined;
	return below.reduceRight<DiskNode | undefined>(
		(backing, node) => (backing === undefined ? node : { ...node, backing }),
		undefined,
	);
}

/** A disk's name for qemu-img. */
export async function nameWithBacking(file: string): Promise<string> {
	const backing = await deepBacking(file).catch(() => undefined);
	if (backing === undefined) return file;
	const node: DiskNode = { driver: "qcow2", file: { driver: "file", filename: resolve(file) }, backing };
	return `json:${JSON.stringify(node)}`;
}
