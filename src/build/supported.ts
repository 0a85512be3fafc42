/** What the planner can say and the executor cannot do: refused before anything boots. Pure. */
import { NodebuildError } from "../errors.ts";
import type { Plan, Step } from "../plan/types.ts";
import { chainOf } from "./chain.ts";

/** @throws NodebuildError UNSUPPORTED for a target that cannot boot; NODEFILE_INVALID, in BuildKit's words, for a command where there is nothing to run. */
export function requireSupported(plan: Plan): void {
	for (const { index } of plan.stages) {
		const { root, steps } = chainOf(plan, index);
		if (root.kind === "scratch") steps.forEach(requireStep);
	}
	if (chainOf(plan, plan.target).root.kind !== "scratch") return;
	const from = plan.stages.find(({ index }) => index === plan.target)?.from;
	throw new NodebuildError({
		code: "UNSUPPORTED",
		message: "FROM scratch has no machine to boot",
		hint: 'start from a base that boots, e.g. FROM debian:12; "nodebuild bases" lists them',
		...(from === undefined ? {} : { at: from }),
	});
}

function requireStep(step: Step): void {
	for (const effect of step.effects) {
		if (effect.kind === "exec") throw nothingToRun(effect.argv, step);
		if (effect.kind === "ansible") throw nothingToRun(["ansible-playbook"], step);
	}
}

function nothingToRun(argv: readonly string[], { at }: Step): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `process "${argv.join(" ")}" cannot be run: exec: "${argv[0] ?? ""}": no such file or directory`,
		hint: "a stage FROM scratch has no system and does not boot: it holds files for other stages (COPY, ADD, WORKDIR)",
		at,
	});
}
