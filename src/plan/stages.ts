/** Stages as a graph: names, FROM and --from resolved to stages, contexts or images; cycles refused. */
import { NodebuildError, partOf, type SourceLocation } from "../errors.ts";
import type { FromInstruction, Stage, StageInstruction } from "../instructions/types.ts";
import { locate } from "../nodefile/locate.ts";
import { nearest } from "../nodefile/suggest.ts";
import { type Expansion, expander } from "./expand.ts";
import type { PlanInput } from "./input.ts";
import type { Source } from "./lower/context.ts";
import { formatPlatform, parsePlatform } from "./platform.ts";
import { copySource, mountSources } from "./sources.ts";
import type { Env } from "./types.ts";

export interface Command {
	readonly instruction: StageInstruction;
	readonly at: SourceLocation;
	/** COPY: its `--from`; RUN: the `from` of each mount in turn. */
	readonly sources: readonly (Source | undefined)[];
}

export type StageBase =
	| { readonly kind: "stage"; readonly stage: number }
	| { readonly kind: "scratch" }
	| { readonly kind: "image"; readonly ref: string };

export interface StageNode {
	readonly index: number;
	readonly name?: string;
	/** Name, or "stage-<index>", for people. */
	readonly label: string;
	readonly base: StageBase;
	readonly platform: string;
	readonly at: SourceLocation;
	/** Where FROM names the base. */
	readonly baseAt: SourceLocation;
	readonly commands: readonly Command[];
}

/** Indexes of stages by lower-case name; of two stages with one name the later one. */
export type StageNames = ReadonlyMap<string, number>;

export interface Graph {
	readonly nodes: readonly StageNode[];
	readonly names: StageNames;
}

/** @throws NodebuildError NODEFILE_INVALID for references that mean nothing, and for cycles. */
export function stageGraph(input: PlanInput, globals: Env): Graph {
	const names = new Map<string, number>();
	const headers = input.nodefile.stages.map((stage) => {
		const header = stageHeader(stage, input, globals, names);
		if (stage.from.as !== undefined) names.set(stage.from.as.toLowerCase(), stage.index);
		return header;
	});
	const nodes = headers.map((header): StageNode => {
		const instructions = input.nodefile.stages[header.index]?.instructions ?? [];
		return {
			...header,
			commands: instructions.map((instruction) =>
				commandOf(instruction, locate(input.source, instruction.node.range), input, names),
			),
		};
	});
	refuseCycles(nodes);
	return { nodes, names };
}

/** An instruction of a stage, or an ONBUILD trigger that stands at the stage's FROM. */
export function commandOf(
	instruction: StageInstruction,
	at: SourceLocation,
	input: PlanInput,
	names: StageNames,
): Command {
	const scope = { at, names, input };
	if (instruction.kind === "run") return { instruction, at, sources: mountSources(instruction, scope) };
	if (instruction.kind === "copy" || instruction.kind === "add")
		return { instruction, at, sources: [copySource(instruction, scope)] };
	return { instruction, at, sources: [] };
}

type Header = Omit<StageNode, "commands">;

function stageHeader(stage: Stage, input: PlanInput, globals: Env, names: StageNames): Header {
	const at = locate(input.source, stage.from.node.range);
	const expansion: Expansion = {
		env: globals,
		escape: input.source.directives.escape,
		at,
		unmatched: (name) => warnUndeclared(name, globals, at, input),
	};
	const ref = expander(expansion)(stage.from.image);
	const baseAt = partOf(at, stage.from.image);
	if (ref === "")
		throw new NodebuildError({
			code: "NODEFILE_INVALID",
			message: `expected the name of a base, got an empty string from "${stage.from.image}"`,
			hint: "Give the ARG before FROM a default, or pass it with --build-arg.",
			at: baseAt,
		});
	return {
		index: stage.index,
		...(stage.from.as === undefined ? {} : { name: stage.from.as }),
		label: stage.from.as ?? `stage-${stage.index}`,
		base: baseOf(ref, input, names, baseAt),
		platform: platformOf(stage.from, expansion, input),
		at,
		baseAt,
	};
}

function baseOf(ref: string, input: PlanInput, names: StageNames, at: SourceLocation): StageBase {
	if (input.namedContexts?.has(ref) === true) return contextBase(ref, input.namedContexts.get(ref), at);
	const stage = names.get(ref);
	if (stage !== undefined) return { kind: "stage", stage };
	if (ref === "scratch") return { kind: "scratch" };
	// Stage names are lower-cased where they are defined, not where FROM uses them.
	if (names.has(ref.toLowerCase()))
		throw new NodebuildError({
			code: "NODEFILE_INVALID",
			message: `expected a base or a stage in lower case, got "${ref}"`,
			hint: `Did you mean FROM ${ref.toLowerCase()}?`,
			at,
		});
	return { kind: "image", ref };
}

function contextBase(name: string, image: string | undefined, at: SourceLocation): StageBase {
	if (image !== undefined) return { kind: "image", ref: image };
	throw new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected --build-context ${name} to be an image, since a stage is FROM it, got a folder`,
		hint: `A folder does not boot: give --build-context ${name}=<image or base>, or copy from it with COPY --from=${name}.`,
		at,
	});
}

function platformOf(from: FromInstruction, expansion: Expansion, input: PlanInput): string {
	if (from.platform === undefined || from.platform === "") return input.platform;
	const text = expander(expansion)(from.platform);
	const platform = parsePlatform(text);
	if (platform !== undefined) return formatPlatform(platform);
	throw new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected a platform such as linux/amd64, got "${text}"${text === from.platform ? "" : ` from "${from.platform}"`}`,
		at: partOf(expansion.at, from.platform),
	});
}

/** BuildKit's rule UndefinedArgInFrom. */
function warnUndeclared(name: string, globals: Env, at: SourceLocation, input: PlanInput): void {
	const declared = input.nodefile.globalArgs.flatMap(({ args }) => args.map(({ key }) => key));
	if (declared.includes(name)) return;
	const similar = nearest(name, [...declared, ...globals.map(([key]) => key)]);
	const hint = similar === undefined ? "" : ` (did you mean ${similar}?)`;
	input.warn({ rule: "UndefinedArgInFrom", message: `FROM argument '${name}' is not declared${hint}`, at });
}

/** Stages that a node copies from or mounts; its own base is not among them. */
export function stageSources(node: StageNode): { readonly stage: number; readonly command: Command }[] {
	return node.commands.flatMap((command) =>
		command.sources.flatMap((source) => (source?.kind === "stage" ? [{ stage: source.stage, command }] : [])),
	);
}

function refuseCycles(nodes: readonly StageNode[]): void {
	const done = new Set<number>();
	const path = new Set<number>();
	const visit = (node: StageNode): void => {
		if (done.has(node.index)) return;
		path.add(node.index);
		for (const { stage, command } of stageSources(node)) {
			if (path.has(stage))
				throw new NodebuildError({
					code: "NODEFILE_INVALID",
					message: `circular dependency: stage "${node.label}" needs "${nodes[stage]?.label}", which needs it`,
					hint: "A stage can copy only from stages that do not need it.",
					at: command.at,
				});
			const next = nodes[stage];
			if (next !== undefined) visit(next);
		}
		path.delete(node.index);
		done.add(node.index);
	};
	for (const node of nodes) visit(node);
}
