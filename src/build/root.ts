/** The disk that a stage's first machine starts from. */
import { NodebuildError } from "../errors.ts";
import type { Plan } from "../plan/types.ts";
import { chainOf } from "./chain.ts";

export function rootOf<Root>(
	{ plan, roots }: { readonly plan: Plan; readonly roots: ReadonlyMap<string, Root> },
	stage = plan.target,
): Root {
	const { root } = chainOf(plan, stage);
	const found = root.kind === "base" ? roots.get(root.ref) : undefined;
	if (found !== undefined) return found;
	throw new NodebuildError({ code: "INTERNAL", message: "the plan's base was not resolved" });
}
