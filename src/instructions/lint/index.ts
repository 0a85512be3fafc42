/** Warnings about a Nodefile that can be told from its text alone, with the names of BuildKit's rules. */
import type { LintWarning, NodefileText } from "../../nodefile/types.ts";
import type { Nodefile } from "../types.ts";
import { checkOptions } from "./check.ts";
import {
	consistentInstructionCasing,
	exposedPorts,
	jsonArgsRecommended,
	legacyKeyValueFormat,
	maintainerDeprecated,
	multipleInstructionsDisallowed,
	secretsUsedInArgOrEnv,
	workdirRelativePath,
} from "./instructions.ts";
import type { Rule } from "./rule.ts";
import { platforms, stageNames, variablesInFrom } from "./stages.ts";

export { type CheckOptions, checkOptions } from "./check.ts";

const RULES: readonly Rule[] = [
	stageNames,
	variablesInFrom,
	platforms,
	consistentInstructionCasing,
	maintainerDeprecated,
	jsonArgsRecommended,
	multipleInstructionsDisallowed,
	legacyKeyValueFormat,
	workdirRelativePath,
	secretsUsedInArgOrEnv,
	exposedPorts,
];

export interface LintReport {
	/** In the order of the text. */
	readonly warnings: readonly LintWarning[];
	/** True when there are warnings and `# check=error=true` makes them errors. */
	readonly failed: boolean;
}

/**
 * Everything the rules find, and what was found while reading, without the rules that `# check=skip=` names.
 * @throws NodebuildError NODEFILE_INVALID, located, for a check directive that cannot be understood
 */
export function lintNodefile(nodefile: Nodefile, source: NodefileText): LintReport {
	const options = checkOptions(source);
	if (options.skipAll) return { warnings: [], failed: false };
	const warnings = [...source.warnings, ...RULES.flatMap((rule) => rule({ nodefile, source }))]
		.filter(({ rule }) => !options.skip.has(rule))
		.sort((a, b) => a.range.startLine - b.range.startLine || a.range.startColumn - b.range.startColumn);
	return { warnings, failed: options.error && warnings.length > 0 };
}
