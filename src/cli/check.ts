/** `nodebuild lint`, `build --check`: warnings as text or JSON. */
import type { LintReport } from "../build/lint.ts";
import type { BuildOptions } from "../build/types.ts";
import { EXIT_STATUS } from "../errors.ts";
import type { Emit } from "../events.ts";
import { type CommandContext, printJson, withProgress } from "./context.ts";
import { wantsColor } from "./io.ts";
import { painter, place } from "./render/error.ts";

/** Ends with LINT_FAILED's status when there is a warning, as `docker build --check` fails then. */
export async function check(
	optionsOf: (emit: Emit) => BuildOptions,
	json: boolean,
	{ io, backend, exitWith }: CommandContext,
): Promise<void> {
	const progress = json ? "json" : "plain";
	const report = await withProgress({ progress }, io, ({ emit }) => backend.lint(optionsOf(emit)));
	if (json) printJson(io, lintJson(report));
	else io.stdout.write(renderLint(report, wantsColor(io.stdout, io.env)));
	if (report.warnings.length > 0) exitWith(EXIT_STATUS.LINT_FAILED);
}

export function renderLint({ warnings }: LintReport, color: boolean): string {
	const paint = painter(color);
	const blocks = warnings.map(({ rule, message, at }) =>
		[`${paint("1;33", `warning[${rule}]`)}: ${message}`, ...place(at, paint), ""].join("\n"),
	);
	const { length } = warnings;
	const count = length === 1 ? "1 warning has been found" : `${length} warnings have been found`;
	const end = length === 0 ? "Check complete, no warnings found." : `Check complete, ${count}!`;
	return `${[...blocks, end].join("\n")}\n`;
}

function lintJson({ nodefile, warnings }: LintReport) {
	return {
		nodefile,
		warnings: warnings.map(({ rule, message, at: { file, line, column, text, length } }) => ({
			rule,
			message,
			file,
			line,
			column,
			length: length ?? 1,
			text,
		})),
	};
}
