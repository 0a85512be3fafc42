/** ADD of an address: fetched on the host, kept by its digest, asked for again only if it changed (RFC 9110, 13.1). */
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { archiveKind, digestSources, type ResolvedCopy } from "../context/index.ts";
import type { Digest } from "../digest.ts";
import { messageOf, NodebuildError } from "../errors.ts";
import { get, HttpConnectionError, type HttpResponse, statusProblem, wayTo } from "../net/http.ts";
import { DEFAULT_RETRY, pause } from "../net/retry.ts";
import { basePath } from "../plan/paths.ts";
import type { CopyOrigin } from "../plan/types.ts";
import { fsyncFile, whenFull, writeFileAtomic } from "../system/files.ts";
import { notFetched, placeOf, type RemoteOptions, readRecord, redacted, sizeOf, use } from "./options.ts";

type UrlOrigin = Extract<CopyOrigin, { kind: "url" }>;

interface Fetched {
	readonly file: string;
	readonly digest: Digest;
	/** HTTP date. */
	readonly lastModified?: string;
}

const CONNECT_TIMEOUT = 20_000;
const IDLE_TIMEOUT = 60_000;

/**
 * The file of an address, with mode 600 and the time that the server gives.
 * @throws NodebuildError SOURCE_UNAVAILABLE, SOURCE_CHECKSUM naming both digests, HOST_DISK_FULL.
 */
export async function copyOfUrl(origin: UrlOrigin, options: RemoteOptions): Promise<ResolvedCopy> {
	const { file, digest, lastModified } = await fetchUrl(origin, options);
	const name = fileNameOf(origin.url);
	const time = lastModified === undefined ? 0 : Math.floor(Date.parse(lastModified) / 1000);
	const size = await sizeOf(file);
	const archive = origin.unpack === true ? await archiveKind(file, name) : undefined;
	const entry = {
		path: "",
		type: "file",
		mode: 0o600,
		size,
		source: file,
		mtime: Number.isFinite(time) ? time : 0,
		digest,
	} as const;
	const source = { name, isDirectory: false, ...(archive === undefined ? {} : { archive }), entries: [entry] };
	return { sources: [source], digest: digestSources([source]), bytes: size, unmatched: [] };
}

/** As BuildKit's frontend names it (dockerfile2llb/convert_copy.go): what a server says does not count. */
export function fileNameOf(url: string): string {
	const path = new URL(url).pathname;
	let decoded = path;
	try {
		decoded = decodeURIComponent(path);
	} catch {
		// Not encoded properly: it is taken as it is.
	}
	const base = basePath(decoded);
	return base === "." || base === "/" ? "__unnamed__" : base;
}

async function fetchUrl(origin: UrlOrigin, options: RemoteOptions): Promise<Fetched> {
	const { url, checksum } = origin;
	const record = placeOf(options, "url", url);
	await using _lock = await options.store.lock(
		`add:${url}`,
		options.signal === undefined ? {} : { signal: options.signal },
	);
	const known = await knownOf(record, options);
	// What a digest pins cannot have changed.
	if (known !== undefined && (checksum === known.digest || options.offline)) return checked(origin, known);
	if (options.offline) throw notFetched(url);
	const response = await request(origin, known, options);
	if (response.status === 304 && known !== undefined) {
		response.body.destroy();
		return checked(origin, known);
	}
	const fetched = checked(origin, await receive(response, origin, options));
	const { etag } = response.headers;
	const { digest, lastModified } = fetched;
	await writeFileAtomic(record, JSON.stringify({ digest, lastModified, etag }));
	return fetched;
}

interface Known extends Fetched {
	readonly etag?: string;
}

async function knownOf(record: string, options: RemoteOptions): Promise<Known | undefined> {
	const { digest, etag, lastModified } = (await readRecord(record)) ?? {};
	if (digest === undefined || !isDigest(digest)) return undefined;
	const file = placeOf(options, "file", digest);
	if (!(await use(file))) return undefined;
	return {
		file,
		digest,
		...(etag === undefined ? {} : { etag }),
		...(lastModified === undefined ? {} : { lastModified }),
	};
}

function isDigest(text: string): text is Digest {
	return /^sha256:[0-9a-f]{64}$/.test(text);
}

async function request(origin: UrlOrigin, known: Known | undefined, options: RemoteOptions): Promise<HttpResponse> {
	const { url, checksum } = origin;
	const retry = options.retry ?? DEFAULT_RETRY;
	const headers = {
		...(known?.etag === undefined ? {} : { "if-none-match": known.etag }),
		...(known?.lastModified === undefined ? {} : { "if-modified-since": known.lastModified }),
	};
	for (let failures = 1; ; failures++) {
		try {
			const response = await get(url, {
				proxy: options.proxy,
				headers,
				connectTimeout: CONNECT_TIMEOUT,
				idleTimeout: IDLE_TIMEOUT,
				allowDowngrade: checksum !== undefined,
				...(options.signal === undefined ? {} : { signal: options.signal }),
			});
			if ((response.status >= 200 && response.status < 300) || response.status === 304) return response;
			response.body.destroy();
			if (response.status < 500 && response.status !== 429)
				throw unavailable(url, `the server answers with status ${response.status}`);
			throw new HttpConnectionError(url, statusProblem(response.status), wayTo(new URL(url), options));
		} catch (error) {
			if (!(error instanceof HttpConnectionError)) throw error;
			if (error.isHopeless || failures > retry.retries) throw unavailable(url, error.message, error);
			await retry.sleep(pause(failures, retry), options.signal);
		}
	}
}

/** The content, into its place by its digest. */
async function receive(response: HttpResponse, { url }: UrlOrigin, options: RemoteOptions): Promise<Fetched> {
	await using work = await options.store.workDir();
	const temporary = join(work.path, "download");
	const hash = createHash("sha256");
	const total = Number(response.headers["content-length"] ?? Number.NaN);
	let current = 0;
	await whenFull({ path: temporary, action: `download ${redacted(url)}` }, async () => {
		const handle = await open(temporary, "wx", 0o600);
		const abort = (): void => void response.body.destroy(new Error("aborted"));
		options.signal?.addEventListener("abort", abort, { once: true });
		try {
			for await (const chunk of response.body) {
				const data = Buffer.from(chunk);
				hash.update(data);
				await handle.writeFile(data);
				current += data.length;
				options.onProgress?.(current, Number.isNaN(total) ? undefined : total);
			}
		} catch (error) {
			options.signal?.throwIfAborted();
			throw error instanceof NodebuildError ? error : unavailable(url, messageOf(error), error);
		} finally {
			options.signal?.removeEventListener("abort", abort);
			await handle.close();
		}
	});
	if (current < total) throw unavailable(url, `only ${current} of ${total} bytes came`);
	await fsyncFile(temporary);
	const digest: Digest = `sha256:${hash.digest("hex")}`;
	const file = placeOf(options, "file", digest);
	await rm(file, { force: true });
	await rename(temporary, file);
	const lastModified = response.headers["last-modified"];
	return { file, digest, ...(lastModified === undefined ? {} : { lastModified }) };
}

function checked(origin: UrlOrigin, fetched: Fetched): Fetched {
	if (origin.checksum === undefined || origin.checksum === fetched.digest) return fetched;
	throw new NodebuildError({
		code: "SOURCE_CHECKSUM",
		message: `expected ${redacted(origin.url)} to have the digest that --checksum gives, got another`,
		hint: "the file changed, or it is not the one that was meant: look at it before you take its digest over",
		details: [`expected ${origin.checksum}`, `got      ${fetched.digest}`],
	});
}

function unavailable(url: string, got: string, cause?: unknown): NodebuildError {
	return new NodebuildError({
		code: "SOURCE_UNAVAILABLE",
		message: `expected ${redacted(url)} to give a file: ${got}`,
		hint: "try the address with curl; a proxy is taken from https_proxy and http_proxy; --offline uses what was fetched before",
		cause,
	});
}
