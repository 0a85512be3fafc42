/** The steps that lead to a stage, through the stages it is FROM. Pure. */
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { CopyOrigin, MountOrigin, Plan, StagePlan, StageRoot, Step } from "../plan/types.ts";

export interface Chain {
	/** What the first stage of the chain is FROM. */
	readonly root: Exclude<StageRoot, { kind: "stage" }>;
	/** Key of the booted base. */
	readonly rootKey: Digest;
	/** All steps, oldest first. */
	readonly steps: readonly Step[];
	/** Those that change the disk: one layer each. */
	readonly layered: readonly Step[];
	/** Key of the last layer: the root's when no step changes the disk. */
	readonly lastKey: Digest;
}

export function stageOf(plan: Plan, index: number): StagePlan {
	const stage = plan.stages.find((one) => one.index === index);
	if (stage !== undefined) return stage;
	throw new NodebuildError({ code: "INTERNAL", message: `the plan has no stage ${index}` });
}

export function chainOf(plan: Plan, index: number): Chain {
	const stage = stageOf(plan, index);
	const below = stage.root.kind === "stage" ? chainOf(plan, stage.root.stage) : undefined;
	const steps = [...(below?.steps ?? []), ...stage.steps];
	const layered = steps.filter((step) => step.effects.length > 0);
	const root = below?.root ?? stage.root;
	const rootKey = below?.rootKey ?? stage.rootKey;
	if (root.kind === "stage") throw new NodebuildError({ code: "INTERNAL", message: "a chain must begin at a base" });
	return { root, rootKey, steps, layered, lastKey: layered.at(-1)?.key ?? rootKey };
}

/** Stages whose disks a step copies from or mounts. */
export function stagesOf({ effects }: Step): readonly number[] {
	const origins = effects.flatMap((effect): readonly (CopyOrigin | MountOrigin | undefined)[] => {
		if (effect.kind === "copy") return effect.request.origins;
		return effect.kind === "exec" ? effect.mounts.map(({ origin }) => origin) : [];
	});
	return origins.flatMap((origin) => (origin?.kind === "stage" ? [origin.stage] : []));
}

/** The stages that a stage is FROM, nearest first. */
export function ancestorsOf(plan: Plan, index: number): readonly number[] {
	const { root } = stageOf(plan, index);
	return root.kind === "stage" ? [root.stage, ...ancestorsOf(plan, root.stage)] : [];
}

/** Layers that more than one build goes on from: the end of a stage that another is FROM, and where two stages part. */
export function branchesOf(plan: Plan): ReadonlySet<Digest> {
	const branches = new Set<Digest>();
	const next = new Map<Digest, Digest>();
	for (const { index, root } of plan.stages) {
		if (root.kind === "stage") branches.add(chainOf(plan, root.stage).lastKey);
		const { rootKey, layered } = chainOf(plan, index);
		let below = rootKey;
		for (const { key } of layered) {
			if ((next.get(below) ?? key) !== key) branches.add(below);
			next.set(below, key);
			below = key;
		}
	}
	return branches;
}

/** For messages. */
export function nameOf({ index, name }: Pick<StagePlan, "index" | "name">): string {
	return name === undefined ? `stage ${index}` : `stage "${name}"`;
}
