/** The disk that a stage's first machine starts from. */
import { NodebuildError } from "../errors.ts";
import { chainOf } from "./chain.ts";
import type { Prepared, RootDisk } from "./prepare.ts";

export function rootOf(prepared: Prepared, stage = prepared.plan.target): RootDisk {
	const { root } = chainOf(prepared.plan, stage);
	const found = root.kind === "base" ? prepared.roots.get(root.ref) : undefined;
	if (found !== undefined) return found;
	throw new NodebuildError({ code: "INTERNAL", message: "the plan's base was not resolved" });
}
