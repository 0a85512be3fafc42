/** What all ways to a base share: options, progress, the comparison of digests. */
import { messageOf, NodebuildError, type NodebuildErrorInit, type SourceLocation } from "../errors.ts";
import type { Guest } from "../guest/types.ts";
import type { Store } from "../layers/store.ts";
import type { BaseMap } from "../plan/base-map.ts";
import type { BaseSource } from "../system/env.ts";
import type { ProxySettings } from "../net/proxy.ts";
import type { Pin } from "./resolve.ts";
import type { RetryPolicy } from "../net/retry.ts";
import type { BaseEvent } from "./types.ts";

/** Boots a disk, lets `use` work in the machine, and ends it. The machine writes to an overlay of its own: the disk stays as it is. */
export type BootForSetup = (
	disk: { readonly file: string; readonly format: "raw" | "qcow2" },
	options: { readonly kernel?: string; readonly initrd?: string; readonly append?: string },
	use: (guest: Guest) => Promise<void>,
) => Promise<void>;

export interface ResolveOptions {
	readonly store: Store;
	readonly map: BaseMap;
	/** "linux/amd64" or "amd64". */
	readonly platform: string;
	/** Relative paths are taken from here: the Nodefile's folder. Absolute. */
	readonly directory: string;
	/** Use only what the store has. */
	readonly offline: boolean;
	/** NODEBUILD_BASE_SOURCE. */
	readonly source: BaseSource;
	readonly proxy: ProxySettings;
	readonly boot: BootForSetup;
	readonly emit: (event: BaseEvent) => void;
	readonly signal?: AbortSignal;
	/** Where the FROM stands. */
	readonly at?: SourceLocation;
	/** What names the base, for messages; default "FROM". */
	readonly option?: string;
	/** Ask the source even where the store has the base (`--pull`). */
	readonly refresh?: boolean;
	readonly retry?: RetryPolicy;
	/** Milliseconds; defaults suit a vendor's site. */
	readonly connectTimeout?: number;
	readonly idleTimeout?: number;
	/** Folder with the host's apt configuration; "/etc/apt". */
	readonly aptDirectory?: string;
}

/** An error at the FROM. */
export function located(options: ResolveOptions, init: NodebuildErrorInit): NodebuildError {
	return new NodebuildError(options.at === undefined ? init : { at: options.at, ...init });
}

/** Run `work` as a task that renderers show. */
export async function task<T>(
	options: ResolveOptions,
	id: string,
	title: string,
	work: (progress: (current: number, total?: number) => void) => Promise<T>,
): Promise<T> {
	const start = performance.now();
	const took = (): number => Math.round(performance.now() - start);
	options.emit({ type: "task-start", id, title });
	try {
		const result = await work((current, total) =>
			options.emit({ type: "task-progress", id, current, ...(total === undefined ? {} : { total }) }),
		);
		options.emit({ type: "task-done", id, milliseconds: took() });
		return result;
	} catch (error) {
		options.emit({ type: "task-failed", id, milliseconds: took(), message: messageOf(error) });
		throw error;
	}
}

/** @throws NodebuildError BASE_CHECKSUM naming both digests. */
export function checkPin(
	pin: Pin,
	got: Readonly<Record<"sha256" | "sha512", string>>,
	what: string,
	options: ResolveOptions,
	from = "the Nodefile",
): void {
	const actual = got[pin.algorithm];
	if (actual === pin.hex) return;
	throw located(options, {
		code: "BASE_CHECKSUM",
		message: `expected ${what} to have the digest that ${from} gives, got another`,
		hint: "nothing was taken over, and nothing of yours was removed; if the vendor has just published anew, try again in a while",
		details: [`expected ${pin.algorithm}:${pin.hex}`, `got      ${pin.algorithm}:${actual}`],
	});
}
