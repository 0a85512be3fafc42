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
	readonly sha256: string;
}

export interface OutputFormat {
	readonly type: string;
	readonly description: string;
	readonly options: Readonly<Record<string, string>>;
	/** Throws OUTPUT_FAILED or HOST_DISK_FULL; leaves nothing half written. */
	write(
		image: Image,
		request: OutputRequest,
		progress: (current: number, total: number) => void,
		signal?: AbortSignal,
	): Promise<OutputResult>;
}
