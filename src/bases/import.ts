/** Disks of any readable format into the store, as qcow2 that stands alone. */
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import * as qcow2 from "../layers/qcow2.ts";
import type { Store } from "../layers/store.ts";
import type { BaseRecord } from "../layers/types.ts";
import { type DiskHeader, readHeader, statedSize } from "./format.ts";
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
	const { virtualSize } = await whenSound(request, format, () => qcow2.info(file, format));
	await requireSound(request, format);
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
	const options = {
		srcFormat: format,
		dstFormat: "qcow2",
		...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
		...(request.signal === undefined ? {} : { signal: request.signal }),
	};
	await whenSound(request, format, () => qcow2.convert(file, converted, options));
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
	if (header.needs !== undefined && !request.trusted) throw leaning(request, header.format, header.needs);
	return header.format;
}

function leaning({ name }: ImportRequest, format: string, needs: string): NodebuildError {
	return new NodebuildError({
		code: "BASE_UNAVAILABLE",
		message: `${name} is a ${format} disk that needs another file (${needs}), which a downloaded one must not`,
		hint: 'flatten it where both files are: "qemu-img convert -O qcow2 <disk> flat.qcow2"',
	});
}

/** A damaged disk would otherwise be found out after minutes, by a machine that does not come up. */
async function requireSound(request: ImportRequest, format: string): Promise<void> {
	const { file, trusted } = request;
	const stated = format === "raw" ? await statedSize(file) : undefined;
	const { size } = await stat(file);
	if (stated !== undefined && stated > size) {
		throw damaged(request, format, [`its partition table is for ${stated} bytes, the file has ${size}`]);
	}
	const fault = await qcow2.faultOf(file, format);
	if (fault !== undefined) throw damaged(request, format, [`qemu-img check: ${fault}`]);
	if (trusted || format === "raw") return;
	const [, other] = await whenSound(request, format, () => qcow2.filesOf(file, format));
	if (other !== undefined) throw leaning(request, format, other);
}

async function whenSound<T>(request: ImportRequest, format: string, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (!(error instanceof NodebuildError) || error.code !== "STORE_INVALID") throw error;
		throw damaged(request, format, error.details, error);
	}
}

function damaged(
	{ name }: ImportRequest,
	format: string,
	details: readonly string[] | undefined,
	cause?: unknown,
): NodebuildError {
	return new NodebuildError({
		code: "BASE_UNAVAILABLE",
		message: `expected ${basename(name)} to be a sound ${format} disk, got a damaged or incomplete one`,
		hint: "fetch it again, or make it anew",
		...(details === undefined ? {} : { details }),
		...(cause === undefined ? {} : { cause }),
	});
}

export function digestOfHex(hex: string): Digest {
	return `sha256:${hex}`;
}
