/** The linear story of a build. */
import { NodebuildError } from "../errors.ts";
import { openStore, type Store } from "../layers/store.ts";
import type { Image } from "../layers/types.ts";
import type { Machine } from "../machine/types.ts";
import type { OutputResult } from "../output/types.ts";
import type { Plan, Step } from "../plan/types.ts";
import { monotonic } from "../system/clock.ts";
import { readEnvironment } from "../system/env.ts";
import { whenFull } from "../system/files.ts";
import { chainOf } from "./chain.ts";
import { takesLive } from "./live-mode.ts";
import { type FindParent, parentOptions } from "./parents.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { rootOf } from "./root.ts";
import { rootResolver } from "./roots.ts";
import type { Suite } from "./suite/load.ts";
import type { BuildOptions, BuildResult } from "./types.ts";

/**
 * Build the image that a Nodefile describes; what is in the store already is not done again.
 * @throws NodebuildError; docs/cli.md lists the codes and their exit statuses.
 */
export async function build(options: BuildOptions): Promise<BuildResult> {
	// Many small files are written on the way; whichever one the disk has no room for, the advice is the same.
	return await whenFull({ path: options.home, action: "go on with the build" }, () => buildIn(options));
}

async function buildIn(options: BuildOptions): Promise<BuildResult> {
	const begin = monotonic();
	await using store = await openStore(options.home);
	await requireWritableOutputs(options);
	const suites = await readSuites(options);
	const prepared = await prepare(options, store, rootResolver(options, store, parentMaker(options, store)));
	const known = await unchanged(prepared, options, store);
	const { image, cached } = known === undefined ? await make(prepared, options, store) : { image: known, cached: true };
	const outputs = await writeOutputs(image, options, store);
	const verification = options.verify ? await verify(image, options, store, suites) : undefined;
	return {
		image,
		cached,
		outputs,
		milliseconds: Math.round(monotonic() - begin),
		...(verification === undefined ? {} : { verification }),
	};
}

/** Parents come from the store, or are built like any other Nodefile. */
export function parentMaker(child: BuildOptions, store: Store): FindParent {
	return async (reference, at, lack) => {
		const options = parentOptions(child, reference, at);
		options.emit({ type: "info", message: `the base is what ${options.nodefile} builds` });
		const resolveRoot = rootResolver(options, store, parentMaker(options, store));
		const prepared = await prepare(options, store, (ref, where, option, own) =>
			resolveRoot(ref, where, option, own ?? lack),
		);
		const known = await unchanged(prepared, options, store);
		if (known === undefined && lack !== undefined) throw lack;
		const image = known ?? (await make(prepared, options, store)).image;
		const { key: digest, family, architecture, disk, virtualSize, config } = image;
		return { root: { kind: "images", digest, family, architecture, disk, virtualSize }, config, args: prepared.args };
	};
}

/** The image of a build in which nothing changed: no machine, no process. */
async function unchanged(prepared: Prepared, options: BuildOptions, store: Store): Promise<Image | undefined> {
	const image = await store.images.findByKey(prepared.plan.imageKey);
	if (image === undefined) return undefined;
	for (const step of prepared.plan.stages.flatMap(({ steps }) => steps))
		options.emit({ type: step.effects.length === 0 ? "step-config" : "step-cached", step });
	for (const tag of options.tags) await store.images.tag(image.id, tag);
	return options.tags.length === 0 ? image : ((await store.images.findByKey(image.key)) ?? image);
}

/** Two builds of the same image do it once: the second waits, and takes what the first has made. */
async function make(
	prepared: Prepared,
	options: BuildOptions,
	store: Store,
): Promise<{ readonly image: Image; readonly cached: boolean }> {
	await using _lock = await store.lock(`image:${prepared.plan.imageKey}`, {
		signal: options.signal,
		onWait: ({ pid }) =>
			options.emit({ type: "info", message: `another build (process ${pid}) is making this image; waiting for it` }),
	});
	const meanwhile = await unchanged(prepared, options, store);
	if (meanwhile !== undefined) return { image: meanwhile, cached: true };
	const { sealImage } = await import("./seal.ts");
	const tidying = takesLive(options) ? tidyBeside(store) : undefined;
	try {
		const { chain, context, ...built } = await runTarget(prepared, options, store);
		return { image: await sealImage(chain, built, context), cached: false };
	} finally {
		await tidying?.end();
		// A build that failed has left live states too; nothing about them may fail one.
		if (takesLive(options)) await store.live.trim(readEnvironment().liveQuota).catch(() => undefined);
	}
}

/** Milliseconds that a build runs before it sees to what others have left: most have ended by then. */
const LONG_BUILD = 20_000;

/** Once a build has shown that it takes a while, pack what nobody has used for long, beside its steps. */
function tidyBeside(store: Store): { end(): Promise<void> } {
	const ending = new AbortController();
	let packing: Promise<void> | undefined;
	const timer = setTimeout(() => {
		packing = store.live.packCold(ending.signal).catch(() => undefined);
	}, LONG_BUILD);
	const end = async (): Promise<void> => {
		clearTimeout(timer);
		ending.abort();
		await packing;
	};
	return { end };
}

/** All of the build but the image: the steps of the target and of what it needs. */
async function runTarget(prepared: Prepared, options: BuildOptions, store: Store) {
	const { runStages } = await import("./stages.ts");
	const chain = chainOf(prepared.plan, prepared.plan.target);
	const context = { options, store, prepared, root: rootOf(prepared), told: new Set<Step>() };
	return { chain, context, ...(await runStages(context)) };
}

/**
 * A build that ends before sealing: `use` gets the plan, and the machine as the target's last step left it. There is no
 * machine when the store had all layers.
 * @throws NodebuildError as `build`, and whatever `use` throws.
 */
export async function buildUnsealed<Result>(
	options: BuildOptions,
	use: (plan: Plan, machine: Machine | undefined) => Promise<Result>,
): Promise<Result> {
	await using store = await openStore(options.home);
	const prepared = await prepare(options, store, rootResolver(options, store, parentMaker(options, store)));
	const { running, stored } = await runTarget(prepared, options, store);
	await using _running = running;
	await stored;
	return await use(prepared.plan, running?.machine);
}

async function requireWritableOutputs({ outputs }: BuildOptions): Promise<void> {
	if (outputs.length === 0) return;
	const { checkDestination } = await import("../output/deliver.ts");
	for (const output of outputs) await checkDestination(output.dest);
}

async function writeOutputs(image: Image, options: BuildOptions, store: Store): Promise<readonly OutputResult[]> {
	const results: OutputResult[] = [];
	if (options.outputs.length === 0) return results;
	const { findOutput } = await import("../output/index.ts");
	const { task } = await import("./task.ts");
	for (const output of options.outputs) {
		const format = findOutput(output.type);
		if (format === undefined)
			throw new NodebuildError({ code: "USAGE", message: `unknown output type "${output.type}"` });
		const result = await task(options.emit, `write ${output.dest}`, (handle) =>
			format.write(image, output, (current, total) => handle.progress(current, total), options.signal),
		);
		results.push(result);
		await store.images.wrote(image, result);
	}
	return results;
}

/** A suite that is wrong is told before anything is done. */
async function readSuites(options: BuildOptions): Promise<readonly Suite[]> {
	if (options.suites === undefined || options.suites.length === 0) return [];
	return (await import("./verify.ts")).suitesOf(options);
}

async function verify(image: Image, options: BuildOptions, store: Store, suites: readonly Suite[]) {
	const { verifyFound } = await import("./verify.ts");
	return verifyFound(image, options, store, suites);
}
