/** A Nodefile's text into typed instructions and stages. */
import { fromFault, INSTRUCTIONS } from "./dispatch.ts";
import { Fault } from "./fault.ts";
import { type Expand, mountsOf } from "./mount.ts";
import type { MountSpec, RunInstruction } from "./types.ts";

export { parseInstruction, writtenKeyword } from "./dispatch.ts";
export {
	CHECK_ARGUMENT,
	type CheckOptions,
	checkOptions,
	isWanted,
	type LintReport,
	lintNodefile,
} from "./lint/index.ts";
export type { Expand } from "./mount.ts";
export { type RunScript, runScript } from "./run.ts";
export { parseNodefile, parseTrigger } from "./stages.ts";

/** Keyword to the way it is written. */
export const INSTRUCTION_SYNTAX: Readonly<Record<string, string>> = Object.fromEntries(
	Object.entries(INSTRUCTIONS).map(([keyword, { syntax }]) => [keyword, syntax]),
);

/**
 * The mounts of a RUN with `expand` applied to every option; BuildKit expands and checks them at this point.
 * @throws NodebuildError NODEFILE_INVALID without a place, and whatever `expand` throws
 */
export function expandMounts(run: RunInstruction, expand: Expand): MountSpec[] {
	try {
		return mountsOf(run, expand);
	} catch (error) {
		throw error instanceof Fault ? fromFault(error, INSTRUCTIONS.RUN?.syntax) : error;
	}
}
