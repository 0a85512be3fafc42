/** A chain's machine: brought up exactly at a layer, frozen after each step, and renewed where its memory has grown. */
import type { Digest } from "../digest.ts";
import { backingName } from "../layers/paths.ts";
import type { Layer } from "../layers/types.ts";
import type { FrozenLive } from "../machine/types.ts";
import type { Chain } from "./chain.ts";
import type { CommitQueue } from "./commit.ts";
import type { LiveKeeper } from "./live-keeper.ts";
import { takesLive } from "./live-mode.ts";
import { explainLoss } from "./loss.ts";
import { type Running, start, startAt } from "./machines.ts";
import type { StageContext } from "./stage-context.ts";
import type { BuildOptions } from "./types.ts";

/** Where a chain starts: the deepest layer that the store has. */
export interface Start {
	readonly layer: Layer | undefined;
	/** How many of the chain's layered steps it covers. */
	readonly done: number;
}

/** From the deepest layer, or from the base: then the booted base becomes the first layer. */
export async function bringUp(
	chain: Chain,
	begin: Start,
	context: StageContext,
	commits: CommitQueue,
	keeper: LiveKeeper,
): Promise<Running> {
	const { options, store, prepared, root } = context;
	const spec = { memory: options.memory, cpus: options.cpus };
	const { emit, signal } = options;
	const common = { store, spec, purpose: "build", signal, emit } as const;
	if (begin.layer !== undefined) {
		const running = await startAt(begin.layer, store, options);
		return running.from ? running : await warm(running, begin.layer.key, chain, context, keeper);
	}
	const virtualSize = Math.max(prepared.diskSize, root.virtualSize);
	const title = `boot ${root.ref} for the first time`;
	const live = takesLive(options) ? { live: { layer: undefined } } : {};
	const running = await start({ ...common, ...live, disk: root.disk, virtualSize, firstBoot: true, title });
	const record = {
		version: 1,
		key: chain.rootKey,
		base: root.digest,
		title: `FROM ${root.ref}`,
		created: new Date().toISOString(),
		virtualSize,
	} as const;
	const begun = performance.now();
	try {
		if (takesLive(options)) await readNames(running);
		const { file, live: state } = await freeze(running, chain.rootKey, options, keeper);
		const boot = Math.round(running.bootMilliseconds);
		commits.add({ ...record, took: { run: 0, freeze: Math.round(performance.now() - begun), boot } }, file);
		await commits.settled();
		return state === undefined ? running : await renew(running, chain.rootKey, state, context, keeper);
	} catch (error) {
		const failure = await explainLoss(running.machine, error);
		await running[Symbol.asyncDispose]();
		throw failure;
	}
}

interface Frozen {
	readonly file: string;
	readonly live: FrozenLive | undefined;
}

/** Milliseconds of a step in which a package manager may have read and written its lists. */
const LONG_STEP = 5000;

/**
 * What apt has cached lies in memory too, and sealing gives it back page by page, a third of a second for Debian's lists
 * in an emulated guest: once here rather than after each edit of a later step. dd(1): "drop cache for whole file".
 */
const DROP_LISTS = `for file in /var/lib/apt/lists/*_Packages /var/lib/apt/lists/*_Translation-* /var/cache/apt/*.bin; do
	[ ! -f "$file" ] || dd if="$file" iflag=nocache count=0 2>/dev/null
done
exit 0
`;

/**
 * Guest's caches to its disk, then a new overlay; the machine runs on.
 * @param milliseconds that the step took.
 */
export async function freeze(
	running: Running,
	key: Digest,
	options: BuildOptions,
	keeper: LiveKeeper,
	milliseconds = 0,
): Promise<Frozen> {
	await running.machine.settle(options.signal);
	const request = await keeper.request(running, key);
	if (request !== undefined) await running.machine.prepareLive();
	if (request !== undefined && milliseconds > LONG_STEP) await running.machine.guest.script(DROP_LISTS);
	const { file, live } = await running.machine.freeze(backingName("layers", key), request);
	return { file, live: keeper.note(live) };
}

/**
 * Every machine of this base goes on from this memory: with all names and inodes in it, none looks them up on the disk
 * again.
 */
async function readNames({ machine }: Running): Promise<void> {
	await machine.guest.script("find / -xdev -size +0 >/dev/null 2>&1\nexit 0\n");
}

/** A machine that was booted from a layer without a live state: from now on there is one, and the machine goes on from it. */
async function warm(
	running: Running,
	key: Digest,
	chain: Chain,
	context: StageContext,
	keeper: LiveKeeper,
): Promise<Running> {
	try {
		const request = await keeper.requestAfterBoot(running, key);
		if (request === undefined) return running;
		if (key === chain.rootKey) await readNames(running);
		await running.machine.settle(context.options.signal);
		await running.machine.prepareLive();
		const live = keeper.note(await running.machine.freezeLive(request));
		return live === undefined ? running : await renew(running, key, live, context, keeper);
	} catch (error) {
		const failure = await explainLoss(running.machine, error);
		await running[Symbol.asyncDispose]();
		throw failure;
	}
}

/**
 * A machine whose memory differs much from its RAM file freezes slowly: the layer's state gets a RAM file of its
 * own, and the machine goes on from there.
 */
export async function renew(
	old: Running,
	key: Digest,
	live: FrozenLive,
	{ options, store }: StageContext,
	keeper: LiveKeeper,
): Promise<Running> {
	if (!(await keeper.keepFlat(key, live, old.work.path))) return old;
	const layer = await store.layers.find(key);
	if (layer === undefined) return old;
	await old[Symbol.asyncDispose]();
	return startAt(layer, store, options);
}
