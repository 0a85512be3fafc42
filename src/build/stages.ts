/** The stages that the target's remaining steps need, built before it, side by side where they do not need each other. */
import { NodebuildError } from "../errors.ts";
import type { Plan, Step } from "../plan/types.ts";
import { ancestorsOf, type Chain, chainOf, stagesOf } from "./chain.ts";
import { lackOf } from "./roles.ts";
import { rootOf } from "./root.ts";
import { hostRoom, machinesAtOnce, Slots } from "./slots.ts";
import { findStart, runChain, type StageResult } from "./stage.ts";
import type { StageContext } from "./stage-context.ts";

type Context = Omit<StageContext, "root">;

/**
 * Build the target stage and what it needs. A stage that only cached steps copy from is not built.
 * @throws NodebuildError of the first step that failed; by then nothing is at work any more.
 */
export async function runStages(context: Context): Promise<StageResult> {
	const { options, prepared } = context;
	const { plan } = prepared;
	const remaining: Step[] = [];
	const needed = await neededStages(plan, async (chain) => {
		const { done } = await findStart(context.store, chain);
		remaining.push(...chain.layered.slice(done));
		return done;
	});
	const lack = lackOf(remaining);
	if (lack !== undefined) throw lack;
	const failed = new AbortController();
	const signal = AbortSignal.any([options.signal, failed.signal]);
	const slots = new Slots(needed.size === 1 ? 1 : machinesAtOnce(options.memory, await hostRoom()));
	const at: Context = { ...context, options: { ...options, signal } };
	const done = new Map<number, Promise<void>>();
	const build = async (index: number): Promise<StageResult | undefined> => {
		const before = [...(needed.get(index) ?? []), ...ancestorsOf(plan, index)];
		await Promise.all(before.flatMap((stage) => done.get(stage) ?? []));
		const chain = chainOf(plan, index);
		// Files alone have no machine: whoever copies from them lays them out.
		if (chain.root.kind === "scratch") return undefined;
		return await slots.hold(() => runChain(chain, { ...at, root: rootOf(prepared, index) }));
	};
	for (const index of [...needed.keys()].filter((stage) => stage !== plan.target).sort((a, b) => a - b)) {
		const work = build(index).then(async (result) => {
			await using _running = result?.running;
			await result?.stored;
		});
		work.catch(() => failed.abort());
		done.set(index, work);
	}
	const target = build(plan.target);
	target.catch(() => failed.abort());
	const outcomes = await Promise.allSettled([...done.values(), target]);
	const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
	if (errors.length > 0) {
		await target
			.then(async (result) => {
				await using _running = result?.running;
				await result?.stored;
			})
			.catch(() => undefined);
		throw errors.find((error) => !wasInterrupted(error)) ?? errors[0];
	}
	const result = await target;
	if (result !== undefined) return result;
	throw new NodebuildError({ code: "INTERNAL", message: "a target that does not boot was to be built" });
}

function wasInterrupted(error: unknown): boolean {
	return error instanceof NodebuildError && error.code === "INTERRUPTED";
}

/**
 * By stage, what the steps that are not cached copy from or mount; the target is among them. `begin` tells how many of a
 * chain's layered steps are cached.
 */
export async function neededStages(
	plan: Plan,
	begin: (chain: Chain) => Promise<number>,
): Promise<ReadonlyMap<number, readonly number[]>> {
	const needed = new Map<number, readonly number[]>();
	const visit = async (index: number): Promise<void> => {
		if (needed.has(index)) return;
		const chain = chainOf(plan, index);
		const done = chain.root.kind === "scratch" ? 0 : await begin(chain);
		const stages = [...new Set(chain.layered.slice(done).flatMap(stagesOf))];
		needed.set(index, stages);
		for (const stage of stages) await visit(stage);
	};
	await visit(plan.target);
	return needed;
}
