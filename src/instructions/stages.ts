/** Instructions into stages. Rules: moby/buildkit frontend/dockerfile/instructions/parse.go (Parse). */
import { NodebuildError } from "../errors.ts";
import { locate } from "../nodefile/locate.ts";
import { parseText } from "../nodefile/parse.ts";
import type { InstructionNode, NodefileText } from "../nodefile/types.ts";
import { located, parseInstruction } from "./dispatch.ts";
import { Fault } from "./fault.ts";
import { refuseTrigger } from "./onbuild.ts";
import type { ArgInstruction, FromInstruction, Nodefile, StageInstruction } from "./types.ts";

interface DraftStage {
	readonly index: number;
	readonly from: FromInstruction;
	readonly instructions: StageInstruction[];
}

/**
 * Understands a whole Nodefile.
 * @throws NodebuildError NODEFILE_INVALID, located
 */
export function parseNodefile(source: NodefileText): Nodefile {
	const globalArgs: ArgInstruction[] = [];
	const stages: DraftStage[] = [];
	for (const node of source.nodes) {
		const instruction = parseInstruction(node, source);
		const stage = stages.at(-1);
		if (instruction.kind === "from") stages.push({ index: stages.length, from: instruction, instructions: [] });
		else if (stage !== undefined) stage.instructions.push(instruction);
		else if (instruction.kind === "arg") globalArgs.push(instruction);
		else throw outsideStage(node, source);
	}
	if (stages.length === 0) throw noStages(source);
	return { globalArgs, stages };
}

function outsideStage(node: InstructionNode, source: NodefileText): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `no build stage in current context: expected FROM or ARG first, got ${node.keyword}`,
		hint: "Begin the Nodefile with FROM, for example: FROM debian:12",
		at: locate(source, node.range),
	});
}

function noStages(source: NodefileText): NodebuildError {
	const [first] = source.nodes;
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: "dockerfile contains no stages to build: expected a FROM, got none",
		hint: "Add FROM, for example: FROM debian:12",
		...(first === undefined ? {} : { at: locate(source, first.range) }),
	});
}

/**
 * The instruction that an image's ONBUILD trigger stands for.
 * @param text the trigger as the image's configuration keeps it
 * @throws NodebuildError NODEFILE_SYNTAX or NODEFILE_INVALID, located in the text of the trigger
 */
export function parseTrigger(text: string): StageInstruction {
	const source = parseText(text, "ONBUILD trigger");
	const [node, second] = source.nodes;
	if (node === undefined || second !== undefined) {
		throw new NodebuildError({
			code: "NODEFILE_INVALID",
			message: `onbuild trigger should be a single expression: ${text}`,
			hint: "The base image was made with an ONBUILD that nodebuild cannot replay; use another base.",
		});
	}
	return located(node, source, () => {
		refuseTrigger(node.keyword);
		const instruction = parseInstruction(node, source);
		// refuseTrigger has refused FROM; this tells the compiler so.
		if (instruction.kind === "from") throw new Fault({ message: "FROM isn't allowed as an ONBUILD trigger" });
		return instruction;
	});
}
