/** From one node to one instruction: the table, and the place where errors get their range. */
import { NodebuildError } from "../errors.ts";
import { isKeyword } from "../nodefile/arguments.ts";
import { locate, rangeOfWord, type Source } from "../nodefile/locate.ts";
import { nearest } from "../nodefile/suggest.ts";
import type { InstructionNode, Range } from "../nodefile/types.ts";
import { add } from "./add.ts";
import { arg } from "./arg.ts";
import { cmd } from "./cmd.ts";
import { copy } from "./copy.ts";
import type { Definition } from "./definition.ts";
import { entrypoint } from "./entrypoint.ts";
import { env } from "./env.ts";
import { expose } from "./expose.ts";
import { Fault } from "./fault.ts";
import { from } from "./from.ts";
import { healthcheck } from "./healthcheck.ts";
import { label } from "./label.ts";
import { maintainer } from "./maintainer.ts";
import { onbuild } from "./onbuild.ts";
import { run } from "./run.ts";
import { shell } from "./shell.ts";
import { stopsignal } from "./stopsignal.ts";
import type { Instruction } from "./types.ts";
import { user } from "./user.ts";
import { volume } from "./volume.ts";
import { workdir } from "./workdir.ts";

/** Every instruction there is. A new one is a file and a row here, and a row in nodefile/arguments.ts. */
export const INSTRUCTIONS: Readonly<Record<string, Definition>> = {
	ADD: add,
	ARG: arg,
	CMD: cmd,
	COPY: copy,
	ENTRYPOINT: entrypoint,
	ENV: env,
	EXPOSE: expose,
	FROM: from,
	HEALTHCHECK: healthcheck,
	LABEL: label,
	MAINTAINER: maintainer,
	ONBUILD: onbuild,
	RUN: run,
	SHELL: shell,
	STOPSIGNAL: stopsignal,
	USER: user,
	VOLUME: volume,
	WORKDIR: workdir,
};

/** The keyword as the author wrote it. */
export function writtenKeyword(node: InstructionNode): string {
	const text = node.original.trimStart();
	return text.slice(0, node.keyword.length);
}

/**
 * Understands one instruction.
 * @throws NodebuildError NODEFILE_INVALID or UNSUPPORTED, located in `source`
 */
export function parseInstruction(node: InstructionNode, source: Source): Instruction {
	return located(node, source, () => {
		const definition = isKeyword(node.keyword) ? INSTRUCTIONS[node.keyword] : undefined;
		if (definition === undefined) throw unknownInstruction(node);
		return definition.parse(node);
	});
}

/** Runs `read`, and gives what it throws the place of the node, or of the part of it that is at fault. */
export function located<Result>(node: InstructionNode, source: Source, read: () => Result): Result {
	try {
		return read();
	} catch (error) {
		if (error instanceof NodebuildError) throw error.located(locate(source, node.range));
		if (!(error instanceof Fault)) throw error;
		throw fromFault(error, INSTRUCTIONS[node.keyword]?.syntax).located(locate(source, rangeOf(error, node, source)));
	}
}

/** A fault as the error that the rest of the program knows, still without a place. */
export function fromFault(fault: Fault, syntax?: string): NodebuildError {
	const hint = fault.hint ?? (syntax === undefined ? undefined : `It is written ${syntax}`);
	return new NodebuildError({
		code: fault.code,
		message: fault.message,
		...(hint === undefined ? {} : { hint }),
		...(fault.part === undefined ? {} : { part: fault.part }),
		cause: fault.cause,
	});
}

function rangeOf(fault: Fault, node: InstructionNode, source: Source): Range {
	if (fault.part === undefined) return node.range;
	const argument = node.args.indexOf(fault.part);
	const range = argument < 0 ? undefined : node.argRanges[argument];
	return range ?? rangeOfWord(source, node.range, fault.part) ?? node.range;
}

function unknownInstruction(node: InstructionNode): Fault {
	const written = writtenKeyword(node);
	const meant = nearest(written, Object.keys(INSTRUCTIONS));
	return new Fault({
		message: `unknown instruction: ${written}${meant === undefined ? "" : ` (did you mean ${meant}?)`}`,
		part: written,
		hint: `Instructions are ${Object.keys(INSTRUCTIONS).join(", ")}.`,
	});
}
