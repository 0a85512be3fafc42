/** FROM -> base: the face of this folder. */
import { messageOf, NodebuildError } from "../errors.ts";
import type { BaseEntry, ImageSource } from "../plan/base-map.ts";
import { BOOTSTRAP, bootstrap } from "./bootstrap/index.ts";
import { fetchNamed, fetchUrl, imageAddress } from "./fetch.ts";
import { architectureOf } from "./guess.ts";
import { HttpConnectionError } from "../net/http.ts";
import { resolveFile } from "./local.ts";
import { located, type ResolveOptions } from "./options.ts";
import { type BaseReference, parseReference } from "./resolve.ts";
import type { Base } from "./types.ts";

export { type BaseRow, type ListOptions, listBases } from "./list.ts";
export { loadMaps } from "./map.ts";
export type { BootForSetup, ResolveOptions } from "./options.ts";
export { type BaseReference, parseReference } from "./resolve.ts";

type NamedReference = Extract<BaseReference, { kind: "named" }>;

/** Hosts that did not answer in this run: the next base does not wait for them again. */
const unreachableHosts = new Map<string, string>();

/**
 * The base that a FROM means, in the store, verified. A base that the store has is taken without asking
 * anybody; else the map's sources are tried in order, the next one when a vendor cannot be reached.
 * @throws NodebuildError BASE_UNKNOWN, BASE_UNAVAILABLE, BASE_CHECKSUM, BASE_SIGNATURE, BASE_BOOTSTRAP, UNSUPPORTED
 */
export async function resolveBase(ref: string, options: ResolveOptions): Promise<Base> {
	const { map, directory, at, signal } = options;
	const reference = parseReference(ref, { map, directory, ...(at === undefined ? {} : { at }) });
	try {
		return await resolveReference(reference, options);
	} catch (error) {
		if (signal?.aborted !== true || (error instanceof NodebuildError && error.code === "INTERRUPTED")) throw error;
		throw new NodebuildError({ code: "INTERRUPTED", message: `getting the base ${ref} was interrupted`, cause: error });
	}
}

async function resolveReference(reference: BaseReference, options: ResolveOptions): Promise<Base> {
	switch (reference.kind) {
		case "file":
			return resolveFile(reference, options);
		case "url":
			return (await findStored(reference, reference.url, options)) ?? (await resolveUrl(reference, options));
		case "named":
			return (await findStored(reference, reference.base.name, options)) ?? (await resolveNamed(reference, options));
	}
}

/** What the store has for a reference; a pin that says otherwise makes it look elsewhere. */
async function findStored(
	reference: Exclude<BaseReference, { kind: "file" }>,
	ref: string,
	options: ResolveOptions,
): Promise<Base | undefined> {
	const { pin } = reference;
	const { bases } = options.store;
	if (pin?.algorithm === "sha256") return bases.find(`sha256:${pin.hex}`);
	if (pin !== undefined || (options.refresh === true && !options.offline)) return undefined;
	const stored = await bases.findRef(ref, architectureOf(options.platform));
	if (stored === undefined || reference.kind === "url" || options.source === "auto") return stored;
	return (stored.source === BOOTSTRAP) === (options.source === "bootstrap") ? stored : undefined;
}

function requireOnline(what: string, options: ResolveOptions): void {
	if (!options.offline) return;
	throw located(options, {
		code: "BASE_UNAVAILABLE",
		message: `expected the store to have ${what}, since --offline allows nothing else; it has not`,
		hint: `fetch it once while there is a network: nodebuild bases build ${what}`,
	});
}

async function resolveUrl(reference: Extract<BaseReference, { kind: "url" }>, options: ResolveOptions): Promise<Base> {
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

async function resolveNamed(reference: NamedReference, options: ResolveOptions): Promise<Base> {
	const { name, entry } = reference.base;
	if (entry.sources.length === 0) {
		throw located(options, {
			code: "BASE_UNAVAILABLE",
			message: `${name} (${entry.title}) cannot be fetched by nodebuild`,
			hint: entry.unavailable ?? "give its disk as FROM ./disk.qcow2, or an address for it in a --base-map",
		});
	}
	requireOnline(name, options);
	const failures: NodebuildError[] = [];
	// A pin names the vendor's image; what is built here has a digest of its own.
	const usable = entry.sources.filter(
		({ kind }) =>
			(options.source === "auto" || kind === options.source) && !(kind === BOOTSTRAP && reference.pin !== undefined),
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
	if (known !== undefined && address !== undefined) {
		throw new HttpConnectionError(address, Object.assign(new Error(known), { code: known }));
	}
	try {
		return await fetchNamed(reference, source, patient, options);
	} catch (error) {
		if (error instanceof HttpConnectionError && host !== undefined && error.code !== undefined) {
			unreachableHosts.set(host, error.code);
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

/** `nodebuild bases build debian:12`: put a base into the store ahead of time. Nothing is done when it is there. */
export async function buildBase(ref: string, options: ResolveOptions): Promise<Base> {
	return resolveBase(ref, options);
}
