/** The builds that are known to come out differently, with their reasons: a table of docs/differences.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const DOCUMENT = join(import.meta.dirname, "../../../docs/differences.md");
const HEADING = "## Recorded builds that come out differently";

/** Reasons by the case's id. @throws Error for a row that is not `| id | reason |`, or that stands there twice. */
export function knownDifferences(): ReadonlyMap<string, string> {
	const text = readFileSync(DOCUMENT, "utf8");
	const begin = text.indexOf(HEADING);
	if (begin < 0) throw new Error(`expected the heading "${HEADING}" in ${DOCUMENT}`);
	const section = text.slice(begin + HEADING.length).split(/^## /m)[0] ?? "";
	const rows = section.split("\n").filter((line) => line.startsWith("|"));
	const known = new Map<string, string>();
	for (const row of rows.slice(2)) {
		const [, ids = "", reason = ""] = /^\|([^|]+)\|(.+)\|$/.exec(row) ?? [];
		const names = [...ids.matchAll(/`([^`]+)`/g)].map(([, id = ""]) => id);
		if (names.length === 0 || reason.trim() === "")
			throw new Error(`expected "| \`case\`, ... | reason |", got ${row}`);
		for (const name of names) {
			if (known.has(name)) throw new Error(`${name} is listed twice in ${DOCUMENT}`);
			known.set(name, reason.trim());
		}
	}
	return known;
}
