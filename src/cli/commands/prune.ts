/** `nodebuild prune`: give space back. */
import { type Command, InvalidArgumentError } from "commander";
import type { PruneReport } from "../../layers/survey.ts";
import { formatBytes } from "../../system/files.ts";
import { type CommandContext, homeOf, printJson } from "../context.ts";
import { parseDuration, parseSize } from "../parse.ts";
import { cleanLine } from "../render/lines.ts";
import { oneLine, table, truncate } from "../render/text.ts";

interface Flags {
	readonly all?: boolean;
	readonly olderThan?: number;
	readonly keepStorage?: number;
	readonly filter?: "caches";
	readonly dryRun?: boolean;
	readonly json?: boolean;
}

export function addPrune(program: Command, { io, backend }: CommandContext): void {
	program
		.command("prune")
		.summary("remove layers that no image needs")
		.description("Remove layers that no image needs, and what killed builds have left behind.")
		.option("-a, --all", "also remove images without a name, bases that nothing needs, and caches of RUN --mount")
		.option("--filter <filter>", "type=exec.cachemount: only caches of RUN --mount=type=cache", parseFilter)
		.option("--older-than <time>", "only what was last used longer ago, such as 24h or 7d", parseDuration)
		.option("--keep-storage <size>", "stop when the store takes no more than this", parseSize)
		.option("--dry-run", "say what would be removed, remove nothing")
		.option("--json", "print what was removed as JSON")
		.action(async ({ all, olderThan, keepStorage, filter, dryRun, json }: Flags) => {
			const report = await backend.prune(homeOf(io), {
				all: all === true,
				dryRun: dryRun === true,
				...(filter === undefined ? {} : { only: filter }),
				...(olderThan === undefined ? {} : { olderThan }),
				...(keepStorage === undefined ? {} : { keepBytes: keepStorage }),
			});
			if (json === true) printJson(io, report);
			else io.stdout.write(renderPruned(report));
		});
}

/** The one of docker's filters that means something here. */
function parseFilter(text: string): "caches" {
	if (/^type==?exec\.cachemount$/.test(text)) return "caches";
	throw new InvalidArgumentError("Expected type=exec.cachemount.");
}

function renderPruned({ removed, freed, dryRun }: PruneReport): string {
	const rows = removed.map(({ kind, size, title }) => [
		kind,
		formatBytes(size),
		truncate(cleanLine(oneLine(title)), 72),
	]);
	const list = rows.length === 0 ? "" : table(["KIND", "SIZE", "WHAT"], rows);
	return `${list}${dryRun ? "would free" : "freed"} ${formatBytes(freed)}\n`;
}
