/** What fetching for ADD needs, and where what was fetched lies. */
import { readFile, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { hexOf, sha256 } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { Store } from "../layers/store.ts";
import type { ProxySettings } from "../net/proxy.ts";
import type { RetryPolicy } from "../net/retry.ts";
import { isErrno } from "../system/files.ts";

export interface RemoteOptions {
	readonly store: Pick<Store, "downloadsDir" | "lock" | "workDir">;
	readonly proxy: ProxySettings;
	/** Use only what was fetched before. */
	readonly offline: boolean;
	readonly signal?: AbortSignal;
	readonly onProgress?: (current: number, total?: number) => void;
	readonly retry?: RetryPolicy;
}

/** A place among the downloads: `prune --all` removes it when nobody used it for a day. */
export function placeOf({ store }: RemoteOptions, kind: string, name: string): string {
	return join(store.downloadsDir, `add-${kind}-${hexOf(sha256(name))}`);
}

/** Whether it is there; if so, it counts as used now. */
export async function use(path: string): Promise<boolean> {
	const now = new Date();
	return utimes(path, now, now).then(
		() => true,
		() => false,
	);
}

/** A record of ours; undefined where there is none that can be read. */
export async function readRecord(file: string): Promise<Readonly<Record<string, string>> | undefined> {
	try {
		const value: unknown = JSON.parse(await readFile(file, "utf8"));
		if (typeof value !== "object" || value === null) return undefined;
		await use(file);
		return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === "string"));
	} catch (error) {
		if (error instanceof SyntaxError || isErrno(error, "ENOENT")) return undefined;
		throw error;
	}
}

export async function sizeOf(file: string): Promise<number> {
	return (await stat(file)).size;
}

/** An address without the password that it may carry. */
export function redacted(address: string): string {
	return address.replace(/^([a-z]+:\/\/)[^/@]*:[^/@]*@/i, "$1xxxxx:xxxxx@");
}

export function notFetched(address: string): NodebuildError {
	return new NodebuildError({
		code: "SOURCE_UNAVAILABLE",
		message: `expected the store to have ${redacted(address)}, since --offline allows nothing else; it has not`,
		hint: "build once without --offline",
	});
}
