/** Warnings about a Nodefile that can be told from its text alone, with the names of BuildKit's rules. */
import type { LintWarning, NodefileText } from "../../nodefile/types.ts";
import type { Nodefile } from "../types.ts";
import { type CheckOptions, checkOptions, isWanted } from "./check.ts";
import { definitionDescriptions } from "./descriptions.ts";
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

export { CHECK_ARGUMENT, type CheckOptions, checkOptions, isWanted } from "./check.ts";

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
	definitionDescriptions,
];

export interface LintReport {
	/** In the order of the text. */
	readonly warnings: readonly LintWarning[];
	/** True when there are warnings and `# check=error=true` makes them errors. */
	readonly failed: boolean;
}

/**
 * Everything the rules find, and what was found while reading, without the rules that are not wanted.
 * @param options default: what the check directive says
 * @throws NodebuildError NODEFILE_INVALID, located, for a check directive that cannot be understood
 */
export function lintNodefile(
	nodefile: Nodefile,
	source: NodefileText,
	options: CheckOptions = checkOptions(source),
): LintReport {
	const warnings = [...source.warnings, ...RULES.flatMap((rule) => rule({ nodefile, source }))]
		.filter(({ rule }) => isWanted(rule, options))
		.sort((a, b) => a.range.startLine - b.range.startLine || a.range.startColumn - b.range.startColumn);
	return { warnings, failed: options.error && warnings.length > 0 };
}
