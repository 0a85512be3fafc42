/** `nodebuild plan`: what a build would do, without doing it. */
import { openStore, type Store } from "../layers/store.ts";
import type { Step } from "../plan/types.ts";
import { type Chain, chainOf } from "./chain.ts";
import { type FindParent, parentOptions } from "./parents.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { EMPTY_CONFIG } from "../plan/types.ts";
import { rootOf } from "./root.ts";
import { lookingResolver } from "./roots.ts";
import { findStart } from "./stage.ts";
import { neededStages } from "./stages.ts";
import type { BuildOptions, PlanReport } from "./types.ts";

export async function explain(options: BuildOptions): Promise<PlanReport> {
	await using store = await openStore(options.home);
	const missing = new Set<string>();
	const unbuilt = new Set<string>();
	const looking = lookingResolver(options, store, (ref) => missing.add(ref), parentLooker(options, store));
	const prepared = await prepare({ ...options, noCache: false }, store, async (ref, at, option) => {
		const root = await looking(ref, at, option);
		if (root.kind === "images" && root.disk === "") unbuilt.add(ref);
		return root;
	});
	const { plan } = prepared;
	const chain = chainOf(plan, plan.target);
	// The booted base is no step's result: it is used without the cache too.
	const begin = options.noCache
		? { layer: await store.layers.find(chain.rootKey), done: 0 }
		: await findStart(store, chain);
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
		base: { ref, state: unbuilt.has(ref) ? "build" : missing.has(ref) ? "fetch" : "ready" },
		needed: image === undefined ? await neededSteps(prepared, options, store) : [],
		start: image === undefined ? start : "nothing: the image exists",
		image: image === undefined ? "build" : "exists",
	};
}

/** Steps of the stages that are built before the target; with those of the stages that they are FROM. */
async function neededSteps(prepared: Prepared, options: BuildOptions, store: Store): Promise<PlanReport["needed"]> {
	const { plan } = prepared;
	const begin = async (chain: Chain): Promise<number> => (options.noCache ? 0 : (await findStart(store, chain)).done);
	const needed = await neededStages(plan, begin);
	const own = new Set<Step>(chainOf(plan, plan.target).steps);
	const rows = new Map<Step, PlanReport["needed"][number]>();
	for (const index of [...needed.keys()].sort((a, b) => a - b)) {
		const chain = chainOf(plan, index);
		const cached = new Set(chain.layered.slice(0, chain.root.kind === "scratch" ? 0 : await begin(chain)));
		for (const step of chain.steps.filter((one) => !own.has(one))) {
			const state = step.effects.length === 0 ? "config" : cached.has(step) ? "cached" : "run";
			rows.set(step, { stage: step.stageName ?? String(step.stage), title: step.title, key: step.key, state });
		}
	}
	return [...rows.values()];
}

/** A parent that would have to be built has no disk, but the key that its image will have. */
export function parentLooker(child: BuildOptions, store: Store): FindParent {
	return async (reference, at) => {
		const options = parentOptions(child, reference, at);
		const looking = lookingResolver(options, store, () => undefined, parentLooker(options, store));
		const { plan, args, roots, diskSize } = await prepare(options, store, looking);
		const { imageKey: digest } = plan;
		const [root] = roots.values();
		const { family = "", architecture = "" } = root ?? {};
		const unbuilt = { disk: "", virtualSize: Math.max(diskSize, rootOf({ plan, roots }).virtualSize) };
		const { disk, virtualSize } = (await store.images.findByKey(digest)) ?? unbuilt;
		const config = plan.stages.find(({ index }) => index === plan.target)?.config ?? EMPTY_CONFIG;
		return { root: { kind: "images", digest, family, architecture, disk, virtualSize }, config, args };
	};
}
