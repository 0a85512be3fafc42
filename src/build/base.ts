/** `nodebuild bases build REF`: a base ahead of time. */
import { openStore } from "../layers/store.ts";
import type { BaseRecord } from "../layers/types.ts";
import { baseOptions } from "./roots.ts";
import type { BuildOptions } from "./types.ts";

export interface BuildBaseOptions
	extends Pick<BuildOptions, "home" | "platform" | "offline" | "baseMaps" | "emit" | "signal" | "memory" | "cpus"> {
	readonly ref: string;
	/** Relative paths are taken from here; default: the working directory. */
	readonly directory?: string;
}

/** @throws NodebuildError BASE_UNKNOWN, BASE_UNAVAILABLE, BASE_CHECKSUM, BASE_BOOTSTRAP */
export async function makeBase(options: BuildBaseOptions): Promise<BaseRecord> {
	await using store = await openStore(options.home);
	const { buildBase } = await import("../bases/index.ts");
	const nodefile = `${options.directory ?? process.cwd()}/Nodefile`;
	return await buildBase(options.ref, await baseOptions({ ...options, nodefile }, store));
}
