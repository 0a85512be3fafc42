/** `WORKDIR path` */
import type { WorkdirInstruction } from "../../instructions/types.ts";
import { cleanPath, resolveWorkdir } from "../paths.ts";
import type { Effect } from "../types.ts";
import { expandIn, type LowerContext, type Lowered } from "./context.ts";

/** The directory is made in any case except for "/", and belongs to the USER of this moment. */
export function lowerWorkdir(instruction: WorkdirInstruction, context: LowerContext): Lowered {
	const { state } = context;
	const workdir = resolveWorkdir(state.config.workdir, expandIn(context)(instruction.path));
	const path = cleanPath(workdir);
	const effects: Effect[] = path === "/" ? [] : [{ kind: "mkdir", path, user: state.config.user }];
	return { state: { ...state, config: { ...state.config, workdir } }, effects, title: `WORKDIR ${workdir}` };
}
