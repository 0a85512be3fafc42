/** From the graph to the stages that the target needs: bases resolved, ONBUILD triggers put in. */
import { messageOf, NodebuildError, type SourceLocation } from "../errors.ts";
import { parseTrigger } from "../instructions/index.ts";
import { nearest } from "../nodefile/suggest.ts";
import type { PlanInput, PlannedBase, PlanResolvers } from "./input.ts";
import { type Command, commandOf, type Graph, type StageNode, stageSources } from "./stages.ts";

export interface ResolvedStage {
	readonly node: StageNode;
	/** Defined when the stage is FROM an image. */
	readonly base?: PlannedBase;
	/** Stages that must be built before this one, ascending. */
	readonly needs: readonly number[];
}

/** @throws NodebuildError USAGE for an unknown name, with the names that there are. */
export function targetStage(input: PlanInput, graph: Graph): number {
	if (input.target === undefined || input.target === "") return graph.nodes.length - 1;
	const stage = graph.names.get(input.target.toLowerCase());
	if (stage !== undefined) return stage;
	// A number counts the stages from 0, as in COPY --from (BuildKit: instructions.HasStage).
	if (/^\d+$/.test(input.target) && graph.nodes[Number(input.target)] !== undefined) return Number(input.target);
	const names = graph.nodes.flatMap(({ name }) => (name === undefined ? [] : [name]));
	const similar = nearest(input.target, names);
	throw new NodebuildError({
		code: "USAGE",
		message:
			names.length === 0
				? `expected --target to name a stage, got "${input.target}", but no stage has a name`
				: `expected --target to be one of the stages ${names.join(", ")}, got "${input.target}"`,
		hint: similar === undefined ? "Stages get names with FROM <base> AS <name>." : `Did you mean --target ${similar}?`,
	});
}

/** Stages reachable from the target, by index in ascending order, which is an order of building. */
export async function resolveStages(
	input: PlanInput,
	graph: Graph,
	target: number,
	resolvers: PlanResolvers,
): Promise<ResolvedStage[]> {
	const resolved = new Map<number, ResolvedStage>();
	const base = onceEach(resolvers);
	let wanted = [target];
	while (wanted.length > 0) {
		const nodes = wanted.flatMap((index) => graph.nodes[index] ?? []);
		for (const stage of await Promise.all(nodes.map((node) => resolveStage(node, input, graph, base))))
			resolved.set(stage.node.index, stage);
		wanted = [...new Set([...resolved.values()].flatMap(({ needs }) => needs))].filter((i) => !resolved.has(i));
	}
	return [...resolved.values()].sort((a, b) => a.node.index - b.node.index);
}

type Base = PlanResolvers["base"];

/** Each reference is asked for once, however many stages start from it. */
function onceEach(resolvers: PlanResolvers): Base {
	const asked = new Map<string, Promise<PlannedBase>>();
	return (ref, platform, at) => {
		const key = `${platform} ${ref}`;
		const answer = asked.get(key) ?? resolvers.base(ref, platform, at);
		asked.set(key, answer);
		return answer;
	};
}

async function resolveStage(node: StageNode, input: PlanInput, graph: Graph, ask: Base): Promise<ResolvedStage> {
	const base = node.base.kind === "image" ? await askBase(node.base.ref, node, ask) : undefined;
	const triggers = triggersOf(node, graph, base).map((text) =>
		commandOf(readTrigger(text, node.at), node.at, input, graph.names),
	);
	const full: StageNode = { ...node, commands: [...triggers, ...node.commands] };
	const sources = stageSources(full);
	for (const { stage, command } of sources) if (stage >= node.index) throw tooLate(stage, node, command, graph);
	const own = node.base.kind === "stage" ? [node.base.stage] : [];
	const needs = [...new Set([...own, ...sources.map(({ stage }) => stage)])].sort((a, b) => a - b);
	return { node: full, needs, ...(base === undefined ? {} : { base }) };
}

async function askBase(ref: string, node: StageNode, ask: Base): Promise<PlannedBase> {
	try {
		return await ask(ref, node.platform, node.baseAt);
	} catch (error) {
		throw error instanceof NodebuildError ? error.located(node.baseAt) : error;
	}
}

/** What the base asks of those who build from it: once, not handed on further. */
function triggersOf(node: StageNode, graph: Graph, base: PlannedBase | undefined): readonly string[] {
	if (node.base.kind !== "stage") return base?.config?.onbuild ?? [];
	const commands = graph.nodes[node.base.stage]?.commands ?? [];
	return commands.flatMap(({ instruction }) => (instruction.kind === "onbuild" ? [instruction.trigger] : []));
}

function readTrigger(text: string, at: SourceLocation): Command["instruction"] {
	try {
		return parseTrigger(text);
	} catch (cause) {
		throw new NodebuildError({
			code: "NODEFILE_INVALID",
			message: `the base's ONBUILD trigger "${text}" cannot be read: ${messageOf(cause)}`,
			hint: "The trigger was written where the base was built; correct it there.",
			at,
			cause,
		});
	}
}

function tooLate(stage: number, node: StageNode, command: Command, graph: Graph): NodebuildError {
	const verb = command.instruction.kind === "run" ? "mount" : "copy";
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `cannot ${verb} from stage "${graph.nodes[stage]?.label}", it needs to be defined before "${node.label}"`,
		hint: "Move that stage above this one.",
		at: command.at,
	});
}
