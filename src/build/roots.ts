/** FROM: an image of the store by its name, else a base. */
import { dirname, resolve } from "node:path";
import type { SourceLocation } from "../errors.ts";
import type { Store } from "../layers/store.ts";
import { readEnvironment } from "../system/env.ts";
import { bootForSetup } from "./boot-setup.ts";
import type { ResolveRoot } from "./prepare.ts";
import type { BuildOptions } from "./types.ts";

type RootOptions = Pick<
	BuildOptions,
	"nodefile" | "platform" | "offline" | "baseMaps" | "emit" | "signal" | "memory" | "cpus"
>;

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

export function rootResolver(options: RootOptions, store: Store): ResolveRoot {
	return async (ref: string, at: SourceLocation) => {
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
				planned: { ref, digest, family, config },
			};
		}
		const { resolveBase } = await import("../bases/index.ts");
		// Two builds that need the same base fetch or bootstrap it once.
		const lock = await store.lock(`base:${ref}`, {
			signal: options.signal,
			onWait: ({ pid }) =>
				options.emit({ type: "info", message: `another build (process ${pid}) is fetching ${ref}; waiting for it` }),
		});
		const base = await baseOptions(options, store)
			.then((all) => resolveBase(ref, { ...all, at }))
			.finally(() => lock.release());
		const { digest, family, architecture, disk, virtualSize } = base;
		const planned = { ref, digest, family };
		return { kind: "bases", digest, ref, family, architecture, disk, virtualSize, planned };
	};
}

async function findImage(store: Store, ref: string) {
	const image = await store.images.find(ref).catch(() => undefined);
	// An id's digits are no name here: "FROM debian" must not find an image by chance.
	const name = ref.includes(":") ? ref : `${ref}:latest`;
	return image?.tags.includes(name) === true ? image : undefined;
}
