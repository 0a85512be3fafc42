/** `nodebuild plan`: what a build would do, without doing it. */
import type { Command } from "commander";
import type { PlanReport } from "../../build/types.ts";
import { planToJson } from "../../plan/json.ts";
import { type CommandContext, printJson, withProgress } from "../context.ts";
import { addNodefileOptions, type NodefileFlags, nodefileOptions } from "../nodefile.ts";
import { cleanLine } from "../render/lines.ts";
import { oneLine, shortId, table, truncate } from "../render/text.ts";

interface Flags extends NodefileFlags {
	readonly json?: boolean;
}

const TITLE_WIDTH = 72;

export function addPlan(program: Command, { io, backend }: CommandContext): void {
	const command = program
		.command("plan")
		.summary("show what a build would run and what is cached")
		.description(
			"Show what a build would run and what is cached. Runs no step; a base that the store lacks is fetched first.",
		);
	addNodefileOptions(command, io)
		.option("--json", "print the whole plan as JSON")
		.action(async (folder: string | undefined, flags: Flags) => {
			const report = await withProgress({ progress: flags.json === true ? "json" : "plain" }, io, (renderer) =>
				backend.explain(nodefileOptions(flags, folder, io, renderer.emit)),
			);
			if (flags.json === true) printJson(io, reportToJson(report));
			else io.stdout.write(renderPlan(report));
		});
}

/** docs/plan-json.md describes it. */
export function reportToJson({ plan, ...report }: PlanReport): object {
	const { formatVersion, ...rest } = planToJson(plan);
	return { formatVersion, ...report, plan: rest };
}

export function renderPlan(report: PlanReport): string {
	const { base, needed, steps } = report;
	const several = needed.length > 0;
	const row = (number: string, stage: string, { title, state, key }: PlanReport["steps"][number]): string[] => [
		number,
		...(several ? [stage] : []),
		state,
		shortId(key),
		truncate(cleanLine(oneLine(title)), TITLE_WIDTH),
	];
	const rows = [
		...needed.map((step) => row("", step.stage, step)),
		...steps.map((step, index) => row(String(index + 1), "", step)),
	];
	const run = [...needed, ...steps].filter((step) => step.state === "run").length;
	const end =
		report.image === "exists"
			? "the image exists: no machine would be started"
			: `${run} ${run === 1 ? "step" : "steps"} would run; start: ${report.start}`;
	const header = ["STEP", ...(several ? ["STAGE"] : []), "STATE", "KEY", "INSTRUCTION"];
	return `base ${base.ref}: ${base.state}\n${table(header, rows)}${end}\n`;
}
