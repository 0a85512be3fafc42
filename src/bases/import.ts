/** Disks of any readable format into the store, as qcow2 that stands alone. */
import { basename, join } from "node:path";
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import * as qcow2 from "../layers/qcow2.ts";
import type { Store } from "../layers/store.ts";
import type { BaseRecord } from "../layers/types.ts";
import { type DiskHeader, readHeader } from "./format.ts";
import type { Base } from "./types.ts";

export interface ImportRequest {
	readonly store: Store;
	/** The file as it was fetched or given. */
	readonly file: string;
	/** Its name as the vendor or user knows it, for format and messages. */
	readonly name: string;
	/** False: the file is the user's and stays as it is. */
	readonly move: boolean;
	/** Whether the file may lean on other files, which only a file of the user's own may. */
	readonly trusted: boolean;
	readonly record: Omit<BaseRecord, "version" | "created" | "sourceFormat" | "virtualSize">;
	readonly onProgress?: (share: number) => void;
	readonly signal?: AbortSignal;
}

/**
 * Put a disk into the store. Its digest must have been checked already.
 * @throws NodebuildError UNSUPPORTED for what is no disk we know, BASE_UNAVAILABLE for one that is damaged
 *   or leans on other files without being allowed to, HOST_DISK_FULL.
 */
export async function importDisk(request: ImportRequest): Promise<Base> {
	const { store, file } = request;
	const header = await readHeader(file, request.name);
	const format = requireUsable(header, request);
	const { virtualSize } = await describe(request, format);
	const record: BaseRecord = {
		version: 1,
		...request.record,
		created: new Date().toISOString(),
		sourceFormat: format,
		virtualSize,
	};
	if (request.move && format === "qcow2" && header.needs === undefined) return store.bases.add(record, file);
	await using work = await store.workDir();
	const converted = join(work.path, "base.qcow2");
	await qcow2.convert(file, converted, {
		srcFormat: format,
		dstFormat: "qcow2",
		...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
		...(request.signal === undefined ? {} : { signal: request.signal }),
	});
	return await store.bases.add(record, converted);
}

/** The format, when we may read it. */
function requireUsable(header: DiskHeader, request: ImportRequest): string {
	if (header.format === undefined) {
		throw new NodebuildError({
			code: "UNSUPPORTED",
			message: `expected ${request.name} to be a qcow2, vmdk, vhd or vhdx disk, or a .raw or .img file with a partition table, got something else`,
			hint: /\.(xz|gz|zst|bz2|zip|7z)$/i.test(request.name)
				? "unpack it first, and name the file that comes out"
				: 'see "file" and "qemu-img info" on it; an ISO for installation is no disk',
		});
	}
	if (header.needs !== undefined && !request.trusted) {
		throw new NodebuildError({
			code: "BASE_UNAVAILABLE",
			message: `${request.name} is a ${header.format} disk that needs another file (${header.needs}), which a downloaded one must not`,
			hint: 'flatten it where both files are: "qemu-img convert -O qcow2 <disk> flat.qcow2"',
		});
	}
	return header.format;
}

async function describe(request: ImportRequest, format: string): Promise<qcow2.DiskInfo> {
	try {
		return await qcow2.info(request.file, format);
	} catch (error) {
		if (!(error instanceof NodebuildError) || error.code !== "STORE_INVALID") throw error;
		throw new NodebuildError({
			code: "BASE_UNAVAILABLE",
			message: `expected ${basename(request.name)} to be a sound ${format} disk, got one that qemu-img cannot read`,
			hint: "fetch it again, or make it anew",
			details: error.details,
			cause: error,
		});
	}
}

export function digestOfHex(hex: string): Digest {
	return `sha256:${hex}`;
}
