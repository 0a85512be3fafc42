import { rangeOfText } from "../../nodefile/locate.ts";
import type { InstructionNode, LintWarning, NodefileText } from "../../nodefile/types.ts";
import type { Nodefile } from "../types.ts";

export interface LintInput {
	readonly nodefile: Nodefile;
	readonly source: NodefileText;
}

/** Finds what one or a few of BuildKit's rules are about. */
export type Rule = (input: LintInput) => readonly LintWarning[];

/** A warning about `part` of a node, or all of it. */
export function warning(
	{ source }: LintInput,
	rule: string,
	message: string,
	node: InstructionNode,
	part?: string,
): LintWarning {
	const range = part === undefined ? undefined : rangeOfText(source, node.range, part);
	return { rule, message, range: range ?? node.range };
}
