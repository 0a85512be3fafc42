/** The plan of a build: text and digests in, steps with keys out; nothing is touched. */
import { NodebuildError } from "../errors.ts";
import { locate } from "../nodefile/locate.ts";
import { globalScope, proxyEnv, warnUnconsumed } from "./args.ts";
import { expander } from "./expand.ts";
import type { PlanInput, PlanResolvers } from "./input.ts";
import { imageKey } from "./keys.ts";
import { type DoneStage, planStage, type StageContext } from "./plan-stage.ts";
import { type ResolvedStage, resolveStages, targetStage } from "./resolve.ts";
import { stageGraph } from "./stages.ts";
import type { Env, ImageConfig, Plan } from "./types.ts";

export type { PlanInput, PlannedBase, PlanResolvers, PlanWarning, RoleArguments, SourceOption } from "./input.ts";
export { declaredNames, defaultedNames } from "./args.ts";
export { type PlanJson, planToJson } from "./json.ts";
export { KEY_FORMAT } from "./keys.ts";
export { cleanPath, joinPath } from "./paths.ts";

/**
 * Plans the target and the stages that it needs, by BuildKit's rules (dockerfile2llb).
 * @throws NodebuildError NODEFILE_INVALID at the line, USAGE for an unknown target, and whatever
 * the resolvers throw, located.
 */
export async function planBuild(input: PlanInput, resolvers: PlanResolvers): Promise<Plan> {
	if (input.nodefile.stages.length === 0)
		throw new NodebuildError({
			code: "NODEFILE_INVALID",
			message: `expected at least one FROM in ${input.source.file}, got none`,
			hint: "The first instruction after ARG is FROM <base>, for example FROM debian:12.",
		});
	const globals = scopeOfFrom(input);
	const graph = stageGraph(input, globals);
	const target = targetStage(input, graph);
	const stages = await resolveStages(input, graph, target, resolvers);
	warnUnconsumed(
		input,
		stages.flatMap(({ node }) => node.commands.map(({ instruction }) => instruction)),
		stages.flatMap(({ base }) => base?.args ?? []),
	);
	const done = await planStages(stages, { input, resolvers, globals, proxies: proxyEnv(input.buildArgs) });
	return finish(input, target, done);
}

function scopeOfFrom(input: PlanInput): Env {
	return globalScope(input, (instruction, env) =>
		expander({
			env,
			escape: input.source.directives.escape,
			at: locate(input.source, instruction.node.range),
			unmatched: () => {},
		}),
	);
}

async function planStages(
	stages: readonly ResolvedStage[],
	context: Omit<StageContext, "done">,
): Promise<ReadonlyMap<number, DoneStage>> {
	const done = new Map<number, DoneStage>();
	for (const stage of stages) done.set(stage.node.index, await planStage(stage, { ...context, done }));
	return done;
}

function finish(input: PlanInput, target: number, done: ReadonlyMap<number, DoneStage>): Plan {
	const last = done.get(target);
	if (last === undefined) throw new NodebuildError({ code: "INTERNAL", message: `stage ${target} was not planned` });
	const config: ImageConfig = {
		...last.plan.config,
		labels: { ...last.plan.config.labels, ...input.labels },
	};
	const plans = [...done.values()].map(({ plan }) => (plan.index === target ? { ...plan, config } : plan));
	const { platform, sealVersion } = input;
	return {
		platform,
		stages: plans,
		target,
		imageKey: imageKey({ layer: last.key, config, platform, sealVersion }),
	};
}
