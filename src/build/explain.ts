/** `nodebuild plan`: what a build would do, without doing it. */
import { openStore } from "../layers/store.ts";
import { chainOf } from "./chain.ts";
import { prepare } from "./prepare.ts";
import { lookingResolver } from "./roots.ts";
import { findStart } from "./stage.ts";
import type { BuildOptions, PlanReport } from "./types.ts";

export async function explain(options: BuildOptions): Promise<PlanReport> {
	await using store = await openStore(options.home);
	const missing = new Set<string>();
	const resolver = lookingResolver(options, store, (ref) => missing.add(ref));
	const prepared = await prepare({ ...options, noCache: false }, store, resolver);
	const { plan } = prepared;
	const chain = chainOf(plan, plan.target);
	const begin = options.noCache ? { layer: undefined, done: 0 } : await findStart(store, chain);
	const cached = new Set(chain.layered.slice(0, begin.done));
	const ref = chain.root.kind === "base" ? chain.root.ref : "scratch";
	const image = options.noCache ? undefined : await store.images.findByKey(plan.imageKey);
	const start = begin.layer === undefined ? "the base, booted for the first time" : `the layer "${begin.layer.title}"`;
	return {
		plan,
		steps: chain.steps.map((step) => ({
			title: step.title,
			key: step.key,
			state: step.effects.length === 0 ? "config" : cached.has(step) ? "cached" : "run",
		})),
		base: { ref, state: missing.has(ref) ? "fetch" : "ready" },
		start: image === undefined ? start : "nothing: the image exists",
		image: image === undefined ? "build" : "exists",
	};
}
