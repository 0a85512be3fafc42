/** FROM -> base: the face of this folder. What gets a base that is not there yet is loaded only then. */
import { NodebuildError } from "../errors.ts";
import { architectureOf } from "./guess.ts";
import type { ResolveOptions } from "./options.ts";
import { type BaseReference, parseReference } from "./resolve.ts";
import { type Base, BOOTSTRAP } from "./types.ts";

export { type BaseRow, type ListOptions, listBases } from "./list.ts";
export { loadMaps } from "./map.ts";
export type { BootForSetup, ResolveOptions } from "./options.ts";
export { type NodefileReference, nodefileOf } from "./nodefile.ts";
export { type BaseReference, parseReference } from "./resolve.ts";

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
			return (await import("./local.ts")).resolveFile(reference, options);
		case "url": {
			const stored = await findStored(reference, reference.url, options);
			return stored ?? (await import("./sources.ts")).resolveUrl(reference, options);
		}
		case "named": {
			const stored = await findStored(reference, reference.base.name, options);
			return stored ?? (await import("./sources.ts")).resolveNamed(reference, options);
		}
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
	if (pin?.algorithm === "sha256") {
		const base = await bases.find(`sha256:${pin.hex}`);
		return base === undefined || reference.kind === "named" ? base : { ...base, ref, source: ref };
	}
	if (pin !== undefined || (options.refresh === true && !options.offline)) return undefined;
	const stored = await bases.findRef(ref, architectureOf(options.platform));
	if (stored === undefined || reference.kind === "url" || options.source === "auto") return stored;
	return (stored.source === BOOTSTRAP) === (options.source === "bootstrap") ? stored : undefined;
}

/** `nodebuild bases build debian:12`: put a base into the store ahead of time. Nothing is done when it is there. */
export async function buildBase(ref: string, options: ResolveOptions): Promise<Base> {
	return resolveBase(ref, options);
}
