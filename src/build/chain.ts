/** The steps that lead to a stage, through the stages it is FROM. Pure. */
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { Plan, StagePlan, StageRoot, Step } from "../plan/types.ts";

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

/**
 * What the planner can say and the executor cannot do yet: refused before anything boots.
 * @throws NodebuildError UNSUPPORTED at the line.
 */
export function requireSupported(chain: Chain): void {
	for (const step of chain.layered) {
		for (const effect of step.effects) {
			const what =
				effect.kind === "exec" && effect.mounts.length > 0
					? `RUN --mount=type=${effect.mounts[0]?.type ?? ""}`
					: effect.kind === "copy"
						? effect.request.origins.map(({ kind }) => UNSUPPORTED_ORIGINS[kind]).find((text) => text !== "")
						: undefined;
			if (what === undefined) continue;
			throw new NodebuildError({
				code: "UNSUPPORTED",
				message: `${what} is not supported yet`,
				hint: "docs/nodefile.md lists what works, and what to write instead",
				at: step.at,
			});
		}
	}
	if (chain.root.kind !== "scratch") return;
	throw new NodebuildError({
		code: "UNSUPPORTED",
		message: "FROM scratch has no machine to boot",
		hint: 'start from a base that boots, e.g. FROM debian:12; "nodebuild bases" lists them',
		...(chain.steps[0] === undefined ? {} : { at: chain.steps[0].at }),
	});
}

const UNSUPPORTED_ORIGINS = {
	context: "",
	inline: "",
	"named-context": "COPY --from a named context",
	stage: "COPY --from another stage",
	image: "COPY --from another image",
	url: "ADD of a remote address",
	git: "ADD of a git repository",
} as const;
