/** Disk files: the only caller of qemu-img. */
import { dirname, resolve } from "node:path";
import { NodebuildError } from "../errors.ts";
import { diskFullError } from "../system/files.ts";
import { type RunOptions, type RunResult, run } from "../system/process.ts";
import { nameWithBacking } from "./backing.ts";

export interface DiskInfo {
	/** "qcow2", "raw", "vmdk", "vpc", "vhdx". */
	readonly format: string;
	/** Bytes of the virtual disk. */
	readonly virtualSize: number;
	/** Bytes on disk of the file alone. */
	readonly size: number;
	/** As the file names it, often relative to the file's folder. */
	readonly backingName?: string;
	readonly backingFormat?: string;
}

const DISK_FULL = /No space left on device|Disk quota exceeded/;

async function qemuImg(args: readonly string[], path: string, options: RunOptions = {}): Promise<RunResult> {
	const result = await run("qemu-img", args, { package: "qemu-utils", ...options });
	if (result.status === 0) return result;
	if (DISK_FULL.test(result.stderr)) {
		throw await diskFullError({ path, action: `write ${path}`, cause: new Error(result.stderr) });
	}
	throw new NodebuildError({
		code: "STORE_INVALID",
		message: `qemu-img ${args[0]} of ${path} failed: ${lastLine(result.stderr)}`,
		hint: "the file may be damaged or not a disk image; qemu-img's own words are above",
		details: result.stderr.split("\n"),
		cause: new Error(`qemu-img ${args.join(" ")}: exit status ${result.status}`),
	});
}

function lastLine(text: string): string {
	return text.trim().split("\n").at(-1) ?? "";
}

function parseInfo(json: string, path: string): DiskInfo {
	const value: unknown = JSON.parse(json);
	const info = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
	const { format, "virtual-size": virtualSize, "actual-size": size } = info;
	if (typeof format !== "string" || typeof virtualSize !== "number") {
		throw new NodebuildError({ code: "STORE_INVALID", message: `expected qemu-img to describe ${path}, got ${json}` });
	}
	const backingName = info["backing-filename"];
	const backingFormat = info["backing-filename-format"];
	return {
		format,
		virtualSize,
		size: typeof size === "number" ? size : 0,
		...(typeof backingName === "string" ? { backingName } : {}),
		...(typeof backingFormat === "string" ? { backingFormat } : {}),
	};
}

/** What a disk file is; works while a machine writes to it. */
export async function info(path: string, format?: string): Promise<DiskInfo> {
	const args = ["info", "--output=json", "-U", ...(format === undefined ? [] : ["-f", format]), path];
	return parseInfo((await qemuImg(args, path)).stdout, path);
}

/**
 * All files that a disk's content is in, itself first: backing files, an external data file, a descriptor's extents.
 * @throws NodebuildError STORE_INVALID when one of them is not there or no disk.
 */
export async function filesOf(path: string, format: string): Promise<readonly string[]> {
	const { stdout } = await qemuImg(["info", "--output=json", "--backing-chain", "-U", "-f", format, path], path);
	const files = new Set<string>();
	for (const { filename, "format-specific": specific } of JSON.parse(stdout) as readonly ChainEntry[]) {
		files.add(filename);
		const { "data-file": data, extents = [] } = specific?.data ?? {};
		const others = [...(data === undefined ? [] : [data]), ...extents.map((extent) => extent.filename)];
		for (const name of others) files.add(resolve(dirname(filename), name));
	}
	return [...files];
}

/** What of qemu-img's description tells files (qapi/block-core.json, ImageInfo). */
interface ChainEntry {
	readonly filename: string;
	readonly "format-specific"?: {
		readonly data?: { readonly "data-file"?: string; readonly extents?: readonly { readonly filename: string }[] };
	};
}

/** qemu-img(1), check: clusters that nobody refers to cost space, and nothing else. */
const LEAKS_ONLY = 3;

/** The same: raw disks, for one, have no metadata that could be wrong. */
const NO_CHECKS = 63;

/** What is wrong with a disk file's own metadata; undefined: nothing. Works while machines stand on it. */
export async function faultOf(path: string, format = "qcow2"): Promise<string | undefined> {
	const name = format === "qcow2" ? nameWithBacking(path) : path;
	const { status, stdout, stderr } = await run("qemu-img", ["check", "-U", "-f", format, name], {
		package: "qemu-utils",
	});
	if (status === 0 || status === LEAKS_ONLY || status === NO_CHECKS) return undefined;
	return /^\d+ errors? w.*$/m.exec(stdout)?.[0] ?? lastLine(stderr);
}

/** An empty disk that stands on nothing. */
export async function create(file: string, format: string, virtualSize: number): Promise<void> {
	await qemuImg(["create", "-q", "-f", format, file, String(virtualSize)], file);
}

export interface ConvertOptions {
	/** Undefined: probed. Never leave it out for raw data from elsewhere, which may claim to be anything. */
	readonly srcFormat?: string;
	readonly dstFormat: string;
	/** qcow2 only: compress every cluster. */
	readonly compress?: boolean;
	/** qemu-img's `-o` options of the destination's format. */
	readonly dstOptions?: Readonly<Record<string, string>>;
	/** Share done, 0 to 1. */
	readonly onProgress?: (share: number) => void;
	readonly signal?: AbortSignal;
}

/** Copy a disk with everything it stands on into one new file, holes kept; the caller makes it durable. */
export async function convert(src: string, dst: string, options: ConvertOptions): Promise<void> {
	const { srcFormat, dstFormat, compress, dstOptions, onProgress, signal } = options;
	const values = Object.entries(dstOptions ?? {}).map(([name, value]) => `${name}=${value}`);
	const args = [
		"convert",
		...(onProgress === undefined ? [] : ["-p"]),
		// Out of order is what lets several threads compress; the order on disk does not matter.
		...(compress === true ? ["-c", "-W"] : []),
		...(srcFormat === undefined ? [] : ["-f", srcFormat]),
		"-O",
		dstFormat,
		...(values.length === 0 ? [] : ["-o", values.join(",")]),
		srcFormat === "raw" ? src : nameWithBacking(src),
		dst,
	];
	const onOutput = (text: string): void => {
		for (const [, percent] of text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)) onProgress?.(Number(percent) / 100);
	};
	await qemuImg(args, dst, {
		// Long, and it ignores a broken pipe: it would go on writing for nobody.
		leashed: true,
		...(onProgress === undefined ? {} : { onOutput }),
		...(signal === undefined ? {} : { signal }),
	});
}

/** Bytes that a flat, uncompressed copy of the disk takes at most. */
export async function measure(path: string): Promise<number> {
	const { stdout } = await qemuImg(
		["measure", "--output=json", "-U", "-f", "qcow2", "-O", "qcow2", nameWithBacking(path)],
		path,
	);
	const value: unknown = JSON.parse(stdout);
	const required = typeof value === "object" && value !== null && "required" in value ? value.required : undefined;
	return typeof required === "number" ? required : 0;
}

/** A part of a file. */
export interface Extent {
	/** Bytes. */
	readonly start: number;
	readonly length: number;
}

/** What lies between the holes of a file, of whatever format. */
export async function dataOf(path: string): Promise<readonly Extent[]> {
	const { stdout } = await qemuImg(["map", "-U", "-f", "raw", "--output=json", path], path);
	const extents = JSON.parse(stdout) as readonly (Extent & { readonly data: boolean })[];
	return extents.filter(({ data }) => data);
}

export interface CheckResult {
	readonly ok: boolean;
	/** What is wrong, in qemu-img's words. */
	readonly problems: readonly string[];
}

/** Consistency of a qcow2's own metadata; leaked clusters are no problem. */
export async function check(path: string): Promise<CheckResult> {
	const result = await run("qemu-img", ["check", "-q", "-U", "-f", "qcow2", nameWithBacking(path)], {
		package: "qemu-utils",
	});
	// qemu-img(1): 0 no error, 3 leaked clusters but no corruption.
	if (result.status === 0 || result.status === 3) return { ok: true, problems: [] };
	return { ok: false, problems: `${result.stdout}\n${result.stderr}`.split("\n").filter((line) => line !== "") };
}

/** Make the virtual disk larger (it never shrinks here). */
export async function resize(path: string, format: string, virtualSize: number): Promise<void> {
	await qemuImg(["resize", "-q", "-f", format, path, String(virtualSize)], path);
}

/** Change the backing file's name in a disk, without touching data: for a file that moves to another depth. */
export async function renameBacking(path: string, name: string, format: "qcow2"): Promise<void> {
	await qemuImg(["rebase", "-q", "-u", "-f", "qcow2", "-b", name, "-F", format, path], path);
}
