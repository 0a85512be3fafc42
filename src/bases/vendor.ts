/** What a vendor says of an image's content: checksum files, their signatures, checksums beside an image. */
import type { ChecksumFile, Signature } from "../plan/base-map.ts";
import { checksumCandidates, findChecksum } from "./checksums.ts";
import { checkSignature } from "./gpg.ts";
import { getBytes, HttpConnectionError, type HttpOptions } from "../net/http.ts";
import { located, type ResolveOptions } from "./options.ts";
import type { Pin } from "./resolve.ts";
import { DEFAULT_RETRY, pause } from "../net/retry.ts";

/** A digest and who says so, for messages. */
export interface Expectation {
	readonly pin: Pin;
	readonly from: string;
}

/** A few seconds: a blocked site must not hold up a build that has another source. */
const CONNECT_TIMEOUT = 8_000;
const IDLE_TIMEOUT = 60_000;

export function httpOptions(options: ResolveOptions): HttpOptions {
	return {
		proxy: options.proxy,
		connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT,
		idleTimeout: options.idleTimeout ?? IDLE_TIMEOUT,
		...(options.signal === undefined ? {} : { signal: options.signal }),
	};
}

/**
 * The digest that a vendor's checksum file gives for `name`, and whether the file's signature was good.
 * @throws HttpConnectionError, NodebuildError BASE_UNAVAILABLE, BASE_SIGNATURE
 */
export async function fetchChecksum(
	checksum: ChecksumFile,
	vendorName: string,
	name: string,
	patient: boolean,
	options: ResolveOptions,
): Promise<{ readonly expectation: Expectation; readonly signed: boolean }> {
	const url = checksum.url.replaceAll("{arch}", vendorName);
	const content = await getPatiently(url, patient, options);
	const pin = content === undefined ? undefined : findChecksum(content.toString("utf8"), name, checksum.algorithm);
	if (content === undefined || pin === undefined) {
		throw located(options, {
			code: "BASE_UNAVAILABLE",
			message: `expected ${url} to list the ${checksum.algorithm} digest of ${name}, got ${content === undefined ? "no such file" : "a file without it"}`,
			hint: "the vendor may have moved its images; --base-map can name another address",
		});
	}
	const { signature } = checksum;
	const signed = signature !== undefined && (await verify(url, content, signature, vendorName, options));
	return { expectation: { pin, from: url }, signed };
}

/** With another source to turn to, one failed connection is enough; without, and of a server in trouble, it is tried again. */
async function getPatiently(url: string, patient: boolean, options: ResolveOptions): Promise<Buffer | undefined> {
	const retry = options.retry ?? DEFAULT_RETRY;
	for (let failures = 1; ; failures++) {
		try {
			return await getBytes(url, httpOptions(options));
		} catch (error) {
			if (!(error instanceof HttpConnectionError) || error.isHopeless) throw error;
			if (!(patient || error.isTrouble) || failures > Math.min(2, retry.retries)) throw error;
			await retry.sleep(pause(failures, retry), options.signal);
		}
	}
}

/** True: signed by the vendor. False: it could not be checked, which is said. */
async function verify(
	url: string,
	content: Uint8Array,
	signature: Signature,
	vendorName: string,
	options: ResolveOptions,
): Promise<boolean> {
	const key = options.map.keys[signature.key];
	if (key === undefined) return false;
	const http = httpOptions(options);
	const detached =
		signature.kind === "clearsigned" ? undefined : await fetchSignature(url, signature, vendorName, options);
	const unchecked = (why: string): false => {
		options.emit({ type: "info", message: `the signature of ${url} was not checked: ${why}; its digest still is` });
		return false;
	};
	const publishedKey = key.url === undefined ? undefined : await getBytes(key.url, http).catch(unreached);
	await using work = await options.store.workDir();
	const result = await checkSignature(
		{
			url,
			content,
			key,
			...(detached === undefined ? {} : { signature: detached }),
			...(publishedKey === undefined ? {} : { publishedKey }),
		},
		work.path,
	);
	return result.good ? true : unchecked(result.why);
}

/** @throws NodebuildError BASE_SIGNATURE where there is none: an image without one would be taken for the vendor's. */
async function fetchSignature(
	url: string,
	signature: Signature,
	vendorName: string,
	options: ResolveOptions,
): Promise<Uint8Array> {
	const address = (signature.url ?? `${url}.asc`).replaceAll("{arch}", vendorName);
	const found = await getPatiently(address, true, options);
	if (found !== undefined) return found;
	throw located(options, {
		code: "BASE_SIGNATURE",
		message: `expected the vendor's signature of ${url} at ${address}, got no such file`,
		hint: "try again in a while: the vendor may be publishing anew; --base-map can name another address",
	});
}

function unreached(error: unknown): undefined {
	if (error instanceof HttpConnectionError) return undefined;
	throw error;
}

export interface Beside {
	readonly found?: Expectation;
	/** Checksum files that are there, but do not list the image. */
	readonly silent: readonly string[];
}

/** The first checksum file beside an image that lists it. */
export async function findBeside(url: string, name: string, options: ResolveOptions): Promise<Beside> {
	const silent: string[] = [];
	for (const candidate of checksumCandidates(url)) {
		const content = await getPatiently(candidate.url, true, options);
		if (content === undefined) continue;
		const pin = findChecksum(content.toString("utf8"), name, candidate.algorithm);
		if (pin !== undefined) return { found: { pin, from: candidate.url }, silent };
		silent.push(candidate.url);
	}
	return { silent };
}
