/** Large files over HTTP: resumable, retried, digested on the way. What is verified is the caller's affair. */
import { type FileHandle, open, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { NodebuildError } from "../errors.ts";
import { fsyncFile, isErrno, makeFolder, whenFull, writeFileAtomic } from "../system/files.ts";
import { get, HttpConnectionError, type HttpOptions, type HttpResponse, statusProblem, wayTo } from "./http.ts";
import type { Way } from "./http-error.ts";
import { DEFAULT_RETRY, pause, type RetryPolicy } from "./retry.ts";

export interface DownloadOptions {
	readonly http: Omit<HttpOptions, "headers">;
	readonly retry?: RetryPolicy;
	readonly onProgress?: (current: number, total: number | undefined) => void;
	/** Said before a pause, for people. */
	readonly onRetry?: (message: string) => void;
}

/** What lies beside a partial file: enough to know whether its rest may still be fetched. */
interface Sidecar {
	readonly version: 1;
	readonly url: string;
	readonly etag?: string;
	readonly lastModified?: string;
	readonly total?: number;
}

export function sidecarOf(file: string): string {
	return `${file}.json`;
}

/**
 * Fetch `url` into `file`. An earlier, unfinished try is continued where the server still has the same
 * content (Range with If-Range, RFC 9110 section 13.1.5), else begun anew. When this throws, the part so
 * far stays for the next time.
 * @throws HttpConnectionError when the server could not be reached after all tries;
 *   NodebuildError BASE_UNAVAILABLE for a refusal, as 404, HOST_DISK_FULL.
 */
export async function download(url: string, file: string, options: DownloadOptions): Promise<void> {
	const retry = options.retry ?? DEFAULT_RETRY;
	const { signal } = options.http;
	await makeFolder(dirname(file));
	for (let failures = 0; ; ) {
		const before = await sizeOf(file);
		try {
			await whenFull({ path: file, action: `download ${url}` }, () => attempt(url, file, options));
			await fsyncFile(file);
			await rm(sidecarOf(file), { force: true });
			return;
		} catch (error) {
			signal?.throwIfAborted();
			if (!(error instanceof HttpConnectionError)) throw error;
			// A try that brought something shows that the server lives: the count begins anew.
			failures = (await sizeOf(file)) > before ? 1 : failures + 1;
			if (failures > retry.retries || error.isHopeless) throw error;
			const wait = pause(failures, retry);
			options.onRetry?.(`${error.message}; trying again in ${(wait / 1000).toFixed(1)} s`);
			await retry.sleep(wait, signal);
		}
	}
}

async function sizeOf(file: string): Promise<number> {
	const found = await stat(file).catch(() => undefined);
	return found?.size ?? 0;
}

async function attempt(url: string, file: string, options: DownloadOptions): Promise<void> {
	const known = await readSidecar(file, url);
	const validator = known?.etag ?? known?.lastModified;
	const have = validator === undefined ? 0 : await sizeOf(file);
	if (have > 0 && have === known?.total) return;
	const headers: Record<string, string> = {};
	if (have > 0 && validator !== undefined) {
		headers.range = `bytes=${have}-`;
		headers["if-range"] = validator;
	}
	const response = await get(url, { ...options.http, headers });
	if (response.status === 416) {
		response.body.destroy();
		await rm(file, { force: true });
		throw new HttpConnectionError(url, new Error("the server has less than what was fetched before"));
	}
	const start = checkStatus(response, url, have, wayTo(new URL(url), options.http));
	const total = totalOf(response, start);
	await writeFileAtomic(sidecarOf(file), JSON.stringify(sidecar(url, response, total)));
	await receive(response, file, start, total, options);
}

/** The offset at which the answer's body begins. */
function checkStatus(response: HttpResponse, url: string, have: number, way: Way): number {
	const { status } = response;
	if (status === 200) return 0;
	if (status === 206 && Number(/^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1]) === have)
		return have;
	response.body.destroy();
	if (status === 206 || status >= 500 || status === 408 || status === 429) {
		throw new HttpConnectionError(url, statusProblem(status), way);
	}
	throw new NodebuildError({
		code: "BASE_UNAVAILABLE",
		message: `expected ${url} to give the file, got status ${status}`,
		hint: status === 404 ? "the vendor may have moved it; --base-map can name another address" : "try it in a browser",
	});
}

function totalOf(response: HttpResponse, start: number): number | undefined {
	const length = response.headers["content-length"];
	return length === undefined ? undefined : start + Number(length);
}

function sidecar(url: string, response: HttpResponse, total: number | undefined): Sidecar {
	const { etag, "last-modified": lastModified } = response.headers;
	return {
		version: 1,
		url,
		// If-Range takes strong validators only.
		...(etag === undefined || etag.startsWith("W/") ? {} : { etag }),
		...(lastModified === undefined ? {} : { lastModified }),
		...(total === undefined ? {} : { total }),
	};
}

async function readSidecar(file: string, url: string): Promise<Sidecar | undefined> {
	try {
		const value: unknown = JSON.parse(await readFile(sidecarOf(file), "utf8"));
		const found = value as Sidecar;
		return found.version === 1 && found.url === url ? found : undefined;
	} catch (error) {
		if (error instanceof SyntaxError || isErrno(error, "ENOENT")) return undefined;
		throw error;
	}
}

async function receive(
	response: HttpResponse,
	file: string,
	start: number,
	total: number | undefined,
	options: DownloadOptions,
): Promise<void> {
	const { signal } = options.http;
	const abort = (): void => void response.body.destroy(new Error("aborted"));
	signal?.addEventListener("abort", abort, { once: true });
	const handle: FileHandle = await open(file, start === 0 ? "w" : "r+");
	let current = start;
	try {
		for await (const chunk of response.body) {
			const data: Uint8Array = chunk;
			for (let at = 0; at < data.length; ) {
				const { bytesWritten } = await handle.write(data, at, data.length - at, current);
				at += bytesWritten;
				current += bytesWritten;
			}
			options.onProgress?.(current, total);
		}
	} catch (error) {
		if (isErrno(error, "ENOSPC", "EDQUOT", "EIO")) throw error;
		throw new HttpConnectionError(response.url, error);
	} finally {
		signal?.removeEventListener("abort", abort);
		await handle.close();
	}
	if (total !== undefined && current < total) {
		throw new HttpConnectionError(response.url, Object.assign(new Error("cut short"), { code: "ECONNRESET" }));
	}
}
