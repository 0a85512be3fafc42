/** The steps of a chain: find where to start, bring a machine up exactly there, replay the rest. */
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { Store } from "../layers/store.ts";
import type { Layer } from "../layers/types.ts";
import type { FrozenLive, Machine } from "../machine/types.ts";
import { EMPTY_CONFIG, type Step } from "../plan/types.ts";
import type { Lock } from "../system/locks.ts";
import { bringUp, freeze, renew, type Start } from "./bring-up.ts";
import { type Chain, chainOf } from "./chain.ts";
import { CommitQueue } from "./commit.ts";
import { executeStep } from "./execute.ts";
import { LiveKeeper } from "./live-keeper.ts";
import { taints } from "./live-mode.ts";
import { explainLoss } from "./loss.ts";
import type { Running } from "./machines.ts";
import type { DiskOrigin, MountedSource } from "./mount-source.ts";
import { openSource } from "./sources.ts";
import type { StageContext } from "./stage-context.ts";
import { runRoles } from "./roles.ts";
import { requireSecrets } from "./secrets.ts";
import type { BuildOptions } from "./types.ts";

export interface StageResult {
	/** The last layer. */
	readonly layer: Pick<Layer, "key" | "virtualSize">;
	/** The machine in the state after the last step, when one was needed. */
	readonly running?: Running;
	/** Resolves when all layers are in the store; until then the machine's folder has to stay. Never left unhandled. */
	readonly stored: Promise<void>;
}

export async function findStart(store: Store, chain: Chain): Promise<Start> {
	for (let done = chain.layered.length; done >= 0; done--) {
		const layer = await store.layers.find(chain.layered[done - 1]?.key ?? chain.rootKey);
		if (layer !== undefined) return { layer, done };
	}
	return { layer: undefined, done: 0 };
}

/** @throws NodebuildError of the step that failed; layers of the steps before it are in the store. */
export async function runChain(chain: Chain, context: StageContext): Promise<StageResult> {
	for (;;) {
		const begin = await findStart(context.store, chain);
		const next = begin.layer === undefined ? chain.rootKey : chain.layered[begin.done]?.key;
		if (next === undefined && begin.layer !== undefined) {
			announce(chain, begin.done, context);
			return { layer: begin.layer, stored: Promise.resolve() };
		}
		const lock = await lockStep(next ?? chain.rootKey, context);
		let handedOver = false;
		try {
			// Whoever held the lock may have made the layer meanwhile: then look again.
			if ((await findStart(context.store, chain)).done !== begin.done) continue;
			if (begin.layer === undefined && (await context.store.layers.find(chain.rootKey)) !== undefined) continue;
			announce(chain, begin.done, context);
			handedOver = true;
			return await replay(chain, begin, context, lock);
		} catch (error) {
			if (!(error instanceof Overtaken)) throw error;
		} finally {
			if (!handedOver) await lock.release();
		}
	}
}

/** Another build has made a layer that we were about to make: start again from there. */
class Overtaken extends Error {}

/** Two builds that come to the same step do it once: the second waits here. */
function lockStep(key: Digest, { store, options }: StageContext): Promise<Lock> {
	return store.lock(`step:${key}`, {
		signal: options.signal,
		onWait: ({ pid }) =>
			pid !== process.pid &&
			options.emit({ type: "info", message: `another build (process ${pid}) is at the next step; waiting for it` }),
	});
}

function announce(chain: Chain, done: number, { options, told }: StageContext): void {
	const cached = new Set(chain.layered.slice(0, done));
	for (const step of chain.steps) {
		if (told.has(step)) continue;
		if (cached.has(step) || step.effects.length === 0) told.add(step);
		if (cached.has(step)) options.emit({ type: "step-cached", step });
		else if (step.effects.length === 0) options.emit({ type: "step-config", step });
	}
}

/** Releases the lock of the first step, as of all others, when the step's layer is stored or has failed. */
async function replay(chain: Chain, begin: Start, context: StageContext, held: Lock): Promise<StageResult> {
	const { store, options, prepared, root } = context;
	const commits = new CommitQueue(store);
	const keeper = new LiveKeeper(chain, context, begin.layer?.key);
	let lock = held;
	/** The next step's lock is taken before this one's goes, and this one's goes when its layer is stored. */
	const advance = async (key: Digest): Promise<void> => {
		const before = lock;
		lock = await lockStep(key, context);
		commits.afterwards(() => before.release());
		if ((await store.layers.find(key)) !== undefined) throw new Overtaken();
	};
	let parent = begin.layer?.key ?? chain.rootKey;
	let locked = begin.layer !== undefined;
	let current: Step | undefined;
	let running: Running | undefined;
	try {
		requireSecrets(chain.layered.slice(begin.done), options);
		running = await bringUp(chain, begin, context, commits, keeper);
		for (const step of chain.layered.slice(begin.done)) {
			current = step;
			if (locked) locked = false;
			else await advance(step.key);
			const live = await runStep(chain, step, parent, running, context, commits, keeper);
			await judge(running, parent, "served", store);
			parent = step.key;
			const next = live === undefined ? "nothing" : keeper.whenOutgrown(live, stepsAfter(chain, step));
			if (live === undefined || next === "nothing") continue;
			if (next === "rebase") {
				keeper.rebase(running, step.key, live, commits.settled());
				continue;
			}
			await commits.settled();
			running = await renew(running, step.key, live, context, keeper);
		}
		const virtualSize = Math.max(prepared.diskSize, root.virtualSize);
		return { layer: { key: parent, virtualSize }, running, stored: settle(commits, keeper, lock) };
	} catch (error) {
		await settle(commits, keeper).catch(() => undefined);
		const failed = error instanceof NodebuildError && STEP_ERRORS.has(error.code);
		const crashed = running?.machine.unsound === true;
		if (failed || crashed) await judge(running, parent, failed ? "served" : "crashed", store);
		// A shell that is interrupted ends the build as it would have ended.
		if (failed && options.shellOnError && running !== undefined)
			await shellAtFailure(running.machine, current, options).catch(() => undefined);
		await running?.[Symbol.asyncDispose]();
		await lock.release();
		throw failed && current !== undefined ? error.hinted(howToLook(chain, current, context)) : error;
	}
}

/** What the first step after a resume, at the layer `at`, says of the state. */
async function judge(
	running: Running | undefined,
	at: Digest,
	outcome: "served" | "crashed",
	{ live }: Store,
): Promise<void> {
	if (running?.from?.layer === at) await live.judge(at, running.from.fits, outcome);
}

/** All that goes into the store beside the steps is there, or has failed; then the last step's lock goes. */
function settle(commits: CommitQueue, keeper: LiveKeeper, lock?: Lock): Promise<void> {
	const stored = commits
		.settled()
		.finally(() => keeper.settled())
		.finally(() => lock?.release());
	stored.catch(() => undefined);
	return stored;
}

function stepsAfter({ layered }: Chain, step: Step): number {
	return layered.length - 1 - layered.indexOf(step);
}

const STEP_ERRORS: ReadonlySet<string> = new Set(["STEP_FAILED", "COPY_FAILED", "GUEST_DISK_FULL"]);

/** As the step's own command has it: its user, directory and environment. */
async function shellAtFailure(
	{ guest }: Machine,
	step: Step | undefined,
	{ emit, signal }: BuildOptions,
): Promise<void> {
	emit({ type: "info", message: "the step failed; this is a shell in its machine, as it left it (exit ends it)" });
	const { env, workdir, user } = step?.config ?? EMPTY_CONFIG;
	const command = step?.effects.find((effect) => effect.kind === "exec") ?? { env, cwd: workdir, user };
	const argv = ["/bin/sh", "-c", "exec $(command -v bash || echo sh) -l"];
	await guest.interactive({ argv, env: command.env, cwd: command.cwd, user: command.user, signal });
}

/** `nodebuild shell` counts the steps of the stage that it is to build, those of the stages below it first. */
function howToLook(chain: Chain, step: Step, { prepared, options }: StageContext): string {
	const { plan } = prepared;
	const own = chainOf(plan, plan.target).steps.includes(step);
	const target = own ? "" : ` --target ${step.stageName ?? step.stage}`;
	const given = own && options.target !== undefined ? ` --target ${options.target}` : target;
	const others = Object.keys(options.buildArgs).length > 0 ? " and the same --build-arg" : "";
	const shell = `nodebuild shell -f ${step.at.file}${given} --step ${chain.steps.indexOf(step)}`;
	return `the layer before this step is kept; look inside with the same command and --shell-on-error, or with "${shell}"${others}`;
}

async function runStep(
	chain: Chain,
	step: Step,
	parent: Digest,
	running: Running,
	context: StageContext,
	commits: CommitQueue,
	keeper: LiveKeeper,
): Promise<FrozenLive | undefined> {
	const { options, prepared, root } = context;
	const { emit, signal } = options;
	const begun = performance.now();
	const elapsed = (): number => Math.round(performance.now() - begun);
	context.told.add(step);
	emit({ type: "step-start", step });
	running.tainted ||= taints(step);
	try {
		await executeStep(step, {
			guest: running.machine.guest,
			disks: { folder: running.work.path, attach: (disk) => running.machine.attach(disk) },
			signal,
			onOutput: (stream, data) => emit({ type: "step-output", step, stream, data }),
			onWarning: (message) => emit({ type: "warning", message, at: step.at }),
			copyOf: (request) => prepared.copyOf(request),
			openSource: (origin) => openSource(origin, running, context),
			runRoles: async (effect, onOutput) =>
				runRoles(effect, await prepared.rolesOf(effect.roles), running.machine, signal, onOutput),
			withMounts: async (mounts, run) => {
				const { withMounts } = await import("./run-mounts.ts");
				const { store } = context;
				const given = options;
				const copyOf = prepared.copyOf.bind(prepared);
				const open = (origin: DiskOrigin): Promise<MountedSource> => openSource(origin, running, context);
				return withMounts(mounts, { running, store, signal, emit, given, copyOf, openSource: open }, run);
			},
		});
		const run = elapsed();
		// The layers below are in the store by now, or were not stored for a reason: a kill loses one finished step at most.
		await commits.settled();
		const { file, live } = await freeze(running, step.key, options, keeper, run);
		const took = { run, freeze: elapsed() - run };
		const virtualSize = Math.max(prepared.diskSize, root.virtualSize);
		const created = new Date().toISOString();
		const record = { version: 1, key: step.key, parent, base: root.digest, title: step.title, created } as const;
		const flat = live !== undefined && keeper.whenOutgrown(live, stepsAfter(chain, step)) !== "nothing";
		commits.add({ ...record, virtualSize, took }, file, flat ? undefined : () => keeper.keep(step.key, live));
		emit({ type: "step-done", step, milliseconds: run, freezeMilliseconds: took.freeze });
		return live;
	} catch (error) {
		const failure = await explainLoss(running.machine, error);
		emit({
			type: "step-failed",
			step,
			milliseconds: elapsed(),
			message: failure instanceof Error ? failure.message : "",
		});
		throw failure instanceof NodebuildError && failure.code !== "INTERRUPTED" ? failure.located(step.at) : failure;
	}
}
