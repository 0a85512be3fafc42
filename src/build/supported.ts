/** What the planner can say and the executor cannot do: refused before anything boots. Pure. */
import { NodebuildError } from "../errors.ts";
import type { CopyOrigin, Plan, Step } from "../plan/types.ts";
import { chainOf } from "./chain.ts";

/** @throws NodebuildError UNSUPPORTED at the line; STEP_FAILED for a command where there is nothing to run. */
export function requireSupported(plan: Plan): void {
	for (const { index } of plan.stages) {
		const { root, steps } = chainOf(plan, index);
		for (const step of steps) requireStep(step, root.kind === "scratch");
	}
	const { root, steps } = chainOf(plan, plan.target);
	if (root.kind !== "scratch") return;
	throw new NodebuildError({
		code: "UNSUPPORTED",
		message: "FROM scratch has no machine to boot",
		hint: 'start from a base that boots, e.g. FROM debian:12; "nodebuild bases" lists them',
		...(steps[0] === undefined ? {} : { at: steps[0].at }),
	});
}

function requireStep(step: Step, onlyFiles: boolean): void {
	for (const effect of step.effects) {
		if (effect.kind === "exec" && onlyFiles) throw nothingToRun(effect.argv, step);
		const what =
			effect.kind === "copy"
				? effect.request.origins.map(({ kind }) => UNSUPPORTED_ORIGINS[kind]).find((text) => text !== undefined)
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

const UNSUPPORTED_ORIGINS: Readonly<Partial<Record<CopyOrigin["kind"], string>>> = {
	url: "ADD of a remote address",
	git: "ADD of a git repository",
};

function nothingToRun(argv: readonly string[], { at }: Step): NodebuildError {
	return new NodebuildError({
		code: "STEP_FAILED",
		message: `process "${argv.join(" ")}" cannot be run: exec: "${argv[0] ?? ""}": no such file or directory`,
		hint: "a stage FROM scratch has no system and does not boot: it holds files for other stages (COPY, ADD, WORKDIR)",
		at,
	});
}
