/** The warnings of one Nodefile, from its text and from its plan, as its check directive wants them. */
import { NodebuildError, type SourceLocation } from "../errors.ts";
import { CHECK_ARGUMENT, type CheckOptions, checkOptions, isWanted, lintNodefile } from "../instructions/index.ts";
import type { Nodefile } from "../instructions/types.ts";
import { locate } from "../nodefile/index.ts";
import type { NodefileText } from "../nodefile/types.ts";
import type { PlanWarning } from "../plan/index.ts";

/** What a rule found; rules have BuildKit's names. */
export interface LintFinding {
	readonly rule: string;
	readonly message: string;
	readonly at: SourceLocation;
}

export class Linter {
	readonly #source: NodefileText;
	readonly #options: CheckOptions;
	readonly #seen = new Set<string>();
	readonly #found: LintFinding[] = [];

	/** @throws NodebuildError NODEFILE_INVALID, USAGE for check options that cannot be understood */
	constructor(source: NodefileText, buildArgs: Readonly<Record<string, string>>) {
		this.#source = source;
		const given = Object.hasOwn(buildArgs, CHECK_ARGUMENT) ? buildArgs[CHECK_ARGUMENT] : undefined;
		this.#options = checkOptions(source, given);
	}

	/** What the text alone tells, in its order. */
	text(nodefile: Nodefile): readonly LintFinding[] {
		const { warnings } = lintNodefile(nodefile, this.#source, this.#options);
		return warnings.flatMap(({ rule, message, range }) => this.add({ rule, message, at: locate(this.#source, range) }));
	}

	/** A warning of planning; what belongs to no rule passes. */
	planned(warning: PlanWarning): readonly PlanWarning[] {
		const { rule, message, at } = warning;
		return rule === undefined || at === undefined ? [warning] : this.add({ rule, message, at });
	}

	/** The finding, unless it is not wanted or known already. */
	add(finding: LintFinding): readonly LintFinding[] {
		const { rule, message, at } = finding;
		const id = JSON.stringify([rule, message, at.line, at.column]);
		if (this.#seen.has(id) || !isWanted(rule, this.#options)) return [];
		this.#seen.add(id);
		this.#found.push(finding);
		return [finding];
	}

	/** @throws NodebuildError NODEFILE_INVALID when there are findings and "error=true" makes them errors. */
	finish(): void {
		const [first] = this.#found;
		if (first === undefined || !this.#options.error) return;
		const count = this.#found.length;
		throw new NodebuildError({
			code: "NODEFILE_INVALID",
			message: `${count} ${count === 1 ? "warning" : "warnings"}, and "check=error=true" makes them errors; the first: ${first.message}`,
			hint: 'correct the lines above, or take "error=true" out of the check directive',
			at: first.at,
		});
	}
}
