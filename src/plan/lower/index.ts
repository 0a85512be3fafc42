/** From a typed instruction to effects and a new state; one function each, one row each. */
import type { StageInstruction } from "../../instructions/types.ts";
import type { LowerContext, Lowered } from "./context.ts";
import { lowerCopy } from "./copy.ts";
import { lowerRun } from "./run.ts";
import {
	lowerCommand,
	lowerExpose,
	lowerHealthcheck,
	lowerMaintainer,
	lowerOnbuild,
	lowerShell,
	lowerStopsignal,
	lowerUser,
	lowerVolume,
} from "./settings.ts";
import { lowerArg, lowerEnv, lowerLabel } from "./variables.ts";
import { lowerWorkdir } from "./workdir.ts";

export type { LowerContext, Lowered, Source } from "./context.ts";

/**
 * @throws NodebuildError NODEFILE_INVALID at the instruction, for words that cannot be expanded and
 * values that mean nothing.
 */
export async function lower(instruction: StageInstruction, context: LowerContext): Promise<Lowered> {
	switch (instruction.kind) {
		case "arg":
			return lowerArg(instruction, context);
		case "env":
			return lowerEnv(instruction, context);
		case "label":
			return lowerLabel(instruction, context);
		case "run":
			return lowerRun(instruction, context);
		case "copy":
		case "add":
			return lowerCopy(instruction, context);
		case "workdir":
			return lowerWorkdir(instruction, context);
		case "user":
			return lowerUser(instruction, context);
		case "shell":
			return lowerShell(instruction, context);
		case "expose":
			return lowerExpose(instruction, context);
		case "volume":
			return lowerVolume(instruction, context);
		case "cmd":
		case "entrypoint":
			return lowerCommand(instruction, context);
		case "healthcheck":
			return lowerHealthcheck(instruction, context);
		case "stopsignal":
			return lowerStopsignal(instruction, context);
		case "onbuild":
			return lowerOnbuild(instruction, context);
		case "maintainer":
			return lowerMaintainer(instruction, context);
	}
}
