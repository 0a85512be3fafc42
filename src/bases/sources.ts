/** Getting a base that the store does not have: from its vendor, or built from packages. */
import { messageOf, NodebuildError } from "../errors.ts";
import type { BaseEntry, BootstrapSource, ImageSource } from "../plan/base-map.ts";
import { imageAddress } from "./address.ts";
import { bootstrap } from "./bootstrap/index.ts";
import { fetchNamed, fetchUrl } from "./fetch.ts";
import { architectureOf } from "./guess.ts";
import { HttpConnectionError } from "../net/http-error.ts";
import { located, type ResolveOptions } from "./options.ts";
import type { BaseReference } from "./resolve.ts";
import { type Base, BOOTSTRAP } from "./types.ts";

type NamedReference = Extract<BaseReference, { kind: "named" }>;

/** Hosts that did not answer in this run: the next base does not wait for them again. */
const unreachableHosts = new Map<string, HttpConnectionError>();

function requireOnline(what: string, options: ResolveOptions): void {
	if (!options.offline) return;
	throw located(options, {
		code: "BASE_UNAVAILABLE",
		message: `expected the store to have ${what}, since --offline allows nothing else; it has not`,
		hint: `fetch it once while there is a network: nodebuild bases build ${what}`,
	});
}

/** @throws NodebuildError BASE_UNAVAILABLE, BASE_CHECKSUM */
export async function resolveUrl(
	reference: Extract<BaseReference, { kind: "url" }>,
	options: ResolveOptions,
): Promise<Base> {
	requireOnline(reference.url, options);
	try {
		return await fetchUrl(reference, options);
	} catch (error) {
		if (!(error instanceof HttpConnectionError)) throw error;
		throw located(options, {
			code: "BASE_UNAVAILABLE",
			message: `expected ${reference.url} to be reachable: ${error.message}`,
			hint: "what was fetched so far is kept for the next try; behind a proxy, set https_proxy",
			cause: error,
		});
	}
}

/**
 * The map's sources in order, the next one when a vendor cannot be reached.
 * @throws NodebuildError BASE_UNAVAILABLE, BASE_CHECKSUM, BASE_SIGNATURE, BASE_BOOTSTRAP
 */
export async function resolveNamed(reference: NamedReference, options: ResolveOptions): Promise<Base> {
	const { name, entry } = reference.base;
	if (entry.sources.length === 0) {
		throw located(options, {
			code: "BASE_UNAVAILABLE",
			message: `${name} (${entry.title}) cannot be fetched by nodebuild`,
			hint: entry.unavailable ?? "give its disk as FROM ./disk.qcow2, or an address for it in a --base-map",
		});
	}
	refuseNodefile(name, entry, options);
	requireOnline(name, options);
	const failures: NodebuildError[] = [];
	// A pin names the vendor's image; what is built here has a digest of its own.
	const usable = entry.sources.filter(
		(source): source is ImageSource | BootstrapSource =>
			source.kind !== "nodefile" &&
			(options.source === "auto" || source.kind === options.source) &&
			!(source.kind === BOOTSTRAP && reference.pin !== undefined),
	);
	for (const source of usable) {
		if (source.kind === BOOTSTRAP) {
			announce(name, failures, options);
			return await bootstrap(reference.base, source, options).catch((error: unknown) => {
				throw failures.length === 0 ? error : withFailures(error, failures, options);
			});
		}
		try {
			return await fetchReachable(reference, source, usable.length === 1, options);
		} catch (error) {
			if (error instanceof HttpConnectionError) failures.push(unreachable(name, error, options));
			else if (error instanceof NodebuildError && error.code === "BASE_UNAVAILABLE") failures.push(error);
			else throw error;
		}
	}
	throw failures[0] ?? noSource(name, entry, options);
}

/** A build makes such a base itself; this is for those who want it ahead of time. */
function refuseNodefile(name: string, { sources }: BaseEntry, options: ResolveOptions): void {
	const [source] = sources;
	if (source?.kind !== "nodefile") return;
	throw located(options, {
		code: "BASE_UNAVAILABLE",
		message: `${name} is made from a Nodefile, not fetched`,
		hint: `builds FROM it make it when they need it; ahead of time: nodebuild -f ${source.path}`,
	});
}

/** Like fetchNamed, but a host that was silent once in this run is not waited for again. */
async function fetchReachable(
	reference: NamedReference,
	source: ImageSource,
	patient: boolean,
	options: ResolveOptions,
): Promise<Base> {
	const { entry } = reference.base;
	const address = imageAddress(source, entry, architectureOf(options.platform));
	const host = address === undefined ? undefined : new URL(address).host;
	const known = host === undefined ? undefined : unreachableHosts.get(host);
	if (known !== undefined) throw known;
	try {
		return await fetchNamed(reference, source, patient, options);
	} catch (error) {
		if (error instanceof HttpConnectionError && host !== undefined && error.code !== undefined) {
			unreachableHosts.set(host, error);
		}
		throw error;
	}
}

/** One line on why the packages are used. */
function announce(name: string, failures: readonly NodebuildError[], options: ResolveOptions): void {
	const [failure] = failures;
	if (failure === undefined) return;
	const cause = failure.cause === undefined ? failure.message : messageOf(failure.cause);
	options.emit({
		type: "info",
		message: `no cloud image of ${name}: ${cause}; building it from the host's package mirror`,
	});
}

function unreachable(name: string, error: HttpConnectionError, options: ResolveOptions): NodebuildError {
	return located(options, {
		code: "BASE_UNAVAILABLE",
		message: `expected the cloud image of ${name} to be reachable: ${error.message}`,
		hint: "behind a proxy, set https_proxy; or fetch the image elsewhere and write FROM ./disk.qcow2",
		cause: error,
	});
}

function withFailures(error: unknown, failures: readonly NodebuildError[], options: ResolveOptions): unknown {
	if (!(error instanceof NodebuildError) || error.code === "INTERRUPTED") return error;
	return located(options, {
		code: error.code,
		message: error.message,
		...(error.hint === undefined ? {} : { hint: error.hint }),
		details: [...failures.map(({ message }) => message), ...error.details],
		cause: error,
	});
}

function noSource(name: string, entry: BaseEntry, options: ResolveOptions): NodebuildError {
	const kinds = [...new Set(entry.sources.map(({ kind }) => kind))].join(", ");
	return located(options, {
		code: "BASE_UNAVAILABLE",
		message: `expected ${name} to have a source of the kind "${options.source}", got ${kinds}`,
		hint: "set NODEBUILD_BASE_SOURCE to auto, or leave the digest after @ out",
	});
}
