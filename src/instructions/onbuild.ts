import type { InstructionNode } from "../nodefile/types.ts";
import type { Definition } from "./definition.ts";
import { atLeastOneArgument, Fault } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `ONBUILD COPY . /srv/app` */
export const onbuild: Definition = {
	syntax: "ONBUILD INSTRUCTION",
	parse(node) {
		if (node.trigger === undefined) throw atLeastOneArgument("ONBUILD");
		readFlags(node, {});
		refuseTrigger(node.trigger.keyword);
		return { kind: "onbuild", node, trigger: triggerText(node) };
	},
};

/** @throws Fault for instructions that cannot be triggers */
export function refuseTrigger(keyword: string): void {
	if (keyword === "ONBUILD") {
		throw new Fault({ message: "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", hint: "Write ONBUILD once." });
	}
	if (keyword === "FROM" || keyword === "MAINTAINER") {
		throw new Fault({ message: `${keyword} isn't allowed as an ONBUILD trigger`, part: keyword });
	}
}

/** The line without ONBUILD, with the bodies of its heredocs below it: a Nodefile of one instruction. */
function triggerText(node: InstructionNode): string {
	const line = node.original.replace(/^[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*/i, "");
	const bodies = node.heredocs.map(({ name, raw, content }) => `\n${raw ?? content}${name}`);
	return line + bodies.join("");
}
