/** One stage, instruction by instruction: states, effects, keys. */
import { type Digest, digestOf } from "../digest.ts";
import { NodebuildError, type SourceLocation } from "../errors.ts";
import type { StageInstruction } from "../instructions/types.ts";
import { locate, rangeOfWord } from "../nodefile/locate.ts";
import { contentDigest } from "./content.ts";
import type { PlanInput, PlanResolvers } from "./input.ts";
import { baseKey, scratchKey, stepKey } from "./keys.ts";
import { type LowerContext, type Lowered, lower } from "./lower/index.ts";
import type { ResolvedStage } from "./resolve.ts";
import { baseState, inheritedState, type StageState } from "./state.ts";
import type { Env, StagePlan, StageRoot, Step } from "./types.ts";

/** A stage that is planned, and what stages built from it need to know beyond the plan. */
export interface DoneStage {
	readonly plan: StagePlan;
	readonly state: StageState;
	/** Key of the last layer. */
	readonly key: Digest;
}

export interface StageContext {
	readonly input: PlanInput;
	readonly resolvers: PlanResolvers;
	readonly globals: Env;
	readonly proxies: Env;
	/** Stages with lower indexes that are needed. */
	readonly done: ReadonlyMap<number, DoneStage>;
}

export async function planStage(resolved: ResolvedStage, context: StageContext): Promise<DoneStage> {
	const { node, needs } = resolved;
	const start = startOf(resolved, context);
	const stageKey = (stage: number) => doneStage(stage, context).key;
	const steps: Step[] = [];
	let { state } = start;
	let key = epochKey(start, context.input.epoch);
	for (const [index, { instruction, at, sources }] of node.commands.entries()) {
		const contentOf: LowerContext["contentOf"] = (request, where, option) =>
			contentDigest(request, where, option, context.resolvers, stageKey);
		const rolesDigest = context.resolvers.roles;
		const lowered = await lowerAt(instruction, { ...context, state, at, sources, contentOf, rolesDigest });
		const parent = key;
		key = stepKey(parent, lowered.effects);
		state = lowered.state;
		steps.push({
			stage: node.index,
			...(node.name === undefined ? {} : { stageName: node.name }),
			index: index + 1,
			count: node.commands.length,
			title: lowered.title,
			at,
			effects: lowered.effects,
			key,
			parent,
			config: state.config,
		});
	}
	const plan: StagePlan = {
		index: node.index,
		...(node.name === undefined ? {} : { name: node.name }),
		root: start.root,
		rootKey: start.key,
		steps,
		config: state.config,
		needs,
		from: node.baseAt,
	};
	return { plan, state, key };
}

function epochKey({ root, key }: Start, epoch: string | undefined): Digest {
	return epoch === undefined || root.kind === "stage" ? key : digestOf({ kind: "epoch", key, epoch });
}

/** Whatever goes wrong, in words, in values or in the world outside, went wrong at this instruction. */
async function lowerAt(instruction: StageInstruction, context: LowerContext): Promise<Lowered> {
	try {
		return await lower(instruction, context);
	} catch (error) {
		throw error instanceof NodebuildError ? error.located(placeOf(error, instruction, context)) : error;
	}
}

/** The words at fault, on whichever line of the instruction they stand; a trigger of the base stands elsewhere. */
function placeOf({ part }: NodebuildError, { node }: StageInstruction, { at, input }: LowerContext): SourceLocation {
	if (part === undefined || node.range.startLine !== at.line) return at;
	const range = rangeOfWord(input.source, node.range, part);
	return range === undefined ? at : locate(input.source, range);
}

interface Start {
	readonly root: StageRoot;
	readonly key: Digest;
	readonly state: StageState;
}

function startOf({ node, base }: ResolvedStage, context: StageContext): Start {
	if (node.base.kind === "stage") {
		const parent = doneStage(node.base.stage, context);
		return { root: node.base, key: parent.key, state: inheritedState(parent.state) };
	}
	if (node.base.kind === "scratch" || base === undefined)
		return { root: { kind: "scratch" }, key: scratchKey(node.platform), state: baseState() };
	const { ref, digest, family, config, virtualSize = 0 } = base;
	const { prepareVersion } = context.input;
	const diskSize = Math.max(context.input.diskSize, virtualSize);
	return {
		root: { kind: "base", ref, digest, family },
		key: baseKey({ digest, family, platform: node.platform, diskSize, prepareVersion }),
		state: baseState(config),
	};
}

function doneStage(stage: number, context: StageContext): DoneStage {
	const done = context.done.get(stage);
	if (done === undefined)
		throw new NodebuildError({ code: "INTERNAL", message: `stage ${stage} was to be planned before it is used` });
	return done;
}
