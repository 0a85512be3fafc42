import type { InstructionNode } from "../nodefile/types.ts";
import { atLeastOneArgument, blankName } from "./fault.ts";
import type { KeyValue } from "./types.ts";

/** Key, value, separator, for each pair of ENV and LABEL. */
export function keyValues(node: InstructionNode): KeyValue[] {
	if (node.args.length === 0) throw atLeastOneArgument(node.keyword);
	const pairs: KeyValue[] = [];
	for (let at = 0; at < node.args.length; at += 3) {
		const [key = "", value = ""] = node.args.slice(at, at + 2);
		if (key === "") throw blankName(node.keyword);
		pairs.push({ key, value });
	}
	return pairs;
}

/** `ENV NAME value`, the form with a blank in place of `=`. */
export function isLegacyForm(node: InstructionNode): boolean {
	return node.args[2] === "";
}
