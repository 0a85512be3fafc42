/** FROM: an image of the store by its name, else a base. */
import { dirname, resolve } from "node:path";
import type { Base } from "../bases/types.ts";
import { digestOf } from "../digest.ts";
import { NodebuildError, type SourceLocation } from "../errors.ts";
import type { Store } from "../layers/store.ts";
import { readEnvironment } from "../system/env.ts";
import { bootForSetup } from "./boot-setup.ts";
import type { FindParent } from "./parents.ts";
import type { ResolveRoot } from "./prepare.ts";
import { requireSystemd } from "./systemd.ts";
import type { BuildOptions } from "./types.ts";

type RootOptions = Pick<
	BuildOptions,
	"nodefile" | "platform" | "offline" | "baseMaps" | "emit" | "signal" | "memory" | "cpus"
>;

/** What names the base, and where that stands. */
interface Where {
	readonly at: SourceLocation;
	readonly option: string;
}

/** Options of src/bases, from a build's. */
export async function baseOptions(options: RootOptions, store: Store) {
	const { loadMaps } = await import("../bases/index.ts");
	const environment = readEnvironment();
	return {
		store,
		map: await loadMaps(options.baseMaps),
		platform: options.platform,
		directory: dirname(resolve(options.nodefile)),
		offline: options.offline,
		source: environment.baseSource,
		proxy: environment.proxy,
		boot: bootForSetup(store, options),
		emit: options.emit,
		signal: options.signal,
	};
}

export function rootResolver(options: RootOptions, store: Store, findParent: FindParent): ResolveRoot {
	let previous: Promise<unknown> = Promise.resolve();
	return async (ref, at, option = "FROM", lack = undefined) => {
		// Names are of images first, as Docker has it; a path or an address never is one.
		const image = /^(\.|\/|https?:)/.test(ref) ? undefined : await findImage(store, ref);
		if (image !== undefined) {
			const { key: digest, family, architecture, disk, virtualSize, config } = image;
			return {
				kind: "images",
				digest,
				ref,
				family,
				architecture,
				disk,
				virtualSize,
				planned: { ref, digest, family, virtualSize, config },
			};
		}
		const nodefile = /^https?:/.test(ref) ? undefined : await findNodefile(ref, { at, option }, options);
		if (nodefile !== undefined) {
			// Stages ask at the same time; machines for what they are FROM are started one after the other.
			const made = previous.then(() => findParent(nodefile, at, lack));
			previous = made.catch(() => undefined);
			const { root, config, args } = await made;
			const { digest, family, virtualSize } = root;
			return { ...root, ref, planned: { ref, digest, family, virtualSize, config, args } };
		}
		const base = await findBase(ref, { at, option }, options, store, lack);
		const { digest, family, architecture, disk, virtualSize } = base;
		const planned = { ref, digest, family, virtualSize };
		return { kind: "bases", digest, ref, family, architecture, disk, virtualSize, planned };
	};
}

async function findNodefile(ref: string, where: Where, { baseMaps, nodefile }: RootOptions) {
	const { loadMaps, nodefileOf } = await import("../bases/index.ts");
	return nodefileOf(ref, { map: await loadMaps(baseMaps), directory: dirname(resolve(nodefile)), ...where });
}

/** What the store has, else fetched or bootstrapped; two builds that need the same base do that once. */
async function findBase(
	ref: string,
	where: Where,
	options: RootOptions,
	store: Store,
	lack: NodebuildError | undefined,
): Promise<Base> {
	const stored = await storedBase(ref, where, options, store);
	if (stored !== undefined) return stored;
	if (lack !== undefined) throw lack;
	const { parseReference: parseBase, resolveBase } = await import("../bases/index.ts");
	const common = await baseOptions(options, store);
	const named = parseBase(ref, { ...common, ...where });
	// What cannot be built on is not fetched either.
	if (named.kind === "named") requireSystemd({ ref, family: named.base.entry.family }, where.at);
	await using _lock = await store.lock(`base:${ref}`, {
		signal: options.signal,
		onWait: ({ pid }) =>
			options.emit({ type: "info", message: `another build (process ${pid}) is fetching ${ref}; waiting for it` }),
	});
	return await resolveBase(ref, { ...common, ...where });
}

async function storedBase(ref: string, where: Where, options: RootOptions, store: Store): Promise<Base | undefined> {
	const { resolveBase } = await import("../bases/index.ts");
	try {
		return await resolveBase(ref, { ...(await baseOptions(options, store)), offline: true, ...where });
	} catch (error) {
		if (!options.offline && error instanceof NodebuildError && error.code === "BASE_UNAVAILABLE") return undefined;
		throw error;
	}
}

/** For `nodebuild plan`: as a build resolves it, but a base that is not there yet is only named, not fetched. */
export function lookingResolver(
	options: RootOptions,
	store: Store,
	missing: (ref: string) => void,
	findParent: FindParent,
): ResolveRoot {
	const resolveStored = rootResolver({ ...options, offline: true }, store, findParent);
	return async (ref, at, option) => {
		try {
			return await resolveStored(ref, at, option);
		} catch (error) {
			if (!(error instanceof NodebuildError) || error.code !== "BASE_UNAVAILABLE" || options.offline) throw error;
			// A disk of the user's own is there, or it is not: nothing fetches it.
			if (/^[./]/.test(ref)) throw error;
			missing(ref);
			const digest = digestOf({ unfetched: ref });
			const architecture = options.platform.split("/")[1] ?? "";
			const planned = { ref, digest, family: "" };
			return { kind: "bases", digest, ref, family: "", architecture, disk: "", virtualSize: 0, planned };
		}
	};
}

async function findImage(store: Store, ref: string) {
	// An id's digits are no name here: "FROM debian" must not find an image by chance.
	return await store.images.findNamed(ref);
}
