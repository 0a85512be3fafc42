import { NodebuildError } from "../../../src/errors.ts";
import { parseNodefile } from "../../../src/instructions/index.ts";
import type { Nodefile, StageInstruction } from "../../../src/instructions/types.ts";
import { parseText } from "../../../src/nodefile/index.ts";

export function nodefileOf(text: string): Nodefile {
	return parseNodefile(parseText(text, "Nodefile"));
}

/** The only instruction of a stage that has this line; its node left out. */
export function instructionOf(line: string): Omit<StageInstruction, "node"> {
	const [instruction] = nodefileOf(`FROM a\n${line}`).stages[0]?.instructions ?? [];
	if (instruction === undefined) throw new Error(`no instruction in ${line}`);
	const { node: _, ...rest } = instruction;
	return rest;
}

/** The same, narrowed to one kind. */
export function ofKind<Kind extends StageInstruction["kind"]>(
	kind: Kind,
	line: string,
): Extract<StageInstruction, { kind: Kind }> {
	const [instruction] = nodefileOf(`FROM a\n${line}`).stages[0]?.instructions ?? [];
	if (instruction?.kind !== kind) throw new Error(`expected ${kind}, got ${instruction?.kind}`);
	return instruction as Extract<StageInstruction, { kind: Kind }>;
}

export function refusal(read: () => unknown): NodebuildError {
	try {
		read();
	} catch (error) {
		if (error instanceof NodebuildError) return error;
		throw error;
	}
	throw new Error("accepted");
}
