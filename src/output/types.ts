/** Formats an image is delivered in: one file per format, one row in index.ts. */
import type { Image } from "../layers/types.ts";

export interface OutputRequest {
	/** `-o type=qcow2,dest=node.qcow2,compress=true`. */
	readonly type: string;
	readonly dest: string;
	readonly options: Readonly<Record<string, string>>;
}

export interface OutputResult {
	readonly path: string;
	/** Bytes on disk. */
	readonly size: number;
	/** 64 hex digits of the whole file; empty when `sha256=false` was asked for. */
	readonly sha256: string;
}

/** Current and total in bytes of the virtual disk. */
export type Progress = (current: number, total: number) => void;

export interface OutputFormat {
	readonly type: string;
	readonly description: string;
	/** Name and meaning of each option. */
	readonly options: Readonly<Record<string, string>>;
	/** Values of the options that have a fixed set of them; the first is the default. */
	readonly values: Readonly<Record<string, readonly [string, ...string[]]>>;
	/** File name endings that mean this format in `-o node.qcow2`, with their dot. */
	readonly extensions: readonly string[];
	/** Throws OUTPUT_FAILED or HOST_DISK_FULL; leaves nothing half written. */
	write(image: Image, request: OutputRequest, progress: Progress, signal?: AbortSignal): Promise<OutputResult>;
}
