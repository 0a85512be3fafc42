/** What the file of each instruction provides, and helpers that several of them share. */
import type { InstructionNode } from "../nodefile/types.ts";
import type { CommandForm, Instruction } from "./types.ts";

export interface Definition {
	/** How the instruction is written, shown as a hint. */
	readonly syntax: string;
	/** @throws Fault, or a NodebuildError without a place */
	readonly parse: (node: InstructionNode) => Instruction;
}

/** The only argument, undefined when there is none or more than one. */
export function onlyArgument(node: InstructionNode): string | undefined {
	return node.args.length === 1 ? node.args[0] : undefined;
}

/** The command of RUN, CMD and ENTRYPOINT: exec form when written as JSON, shell form otherwise. */
export function commandForm(node: InstructionNode, args: readonly string[] = node.args): CommandForm {
	return node.json ? { form: "exec", argv: args } : { form: "shell", script: args.join(" ") };
}

/** `{ [key]: value }`, or nothing when the value is undefined: for properties that are absent rather than undefined. */
export function given<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
	return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value };
}
