/** A verification as JUnit's XML, as CI systems read it. */
import type { VerifyReport, VerifyRow } from "./types.ts";

/** Rows that belong to no suite are nodebuild's own. */
const OWN = "nodebuild";

export function junitOf({ image, rows }: VerifyReport): string {
	const suites = new Map<string, VerifyRow[]>();
	for (const row of rows) suites.set(row.suite ?? OWN, [...(suites.get(row.suite ?? OWN) ?? []), row]);
	const body = [...suites].map(([name, cases]) => suiteOf(`${image} ${name}`, cases)).join("");
	return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${counts(rows)}>\n${body}</testsuites>\n`;
}

function suiteOf(name: string, rows: readonly VerifyRow[]): string {
	return `\t<testsuite name="${escaped(name)}"${counts(rows)}>\n${rows.map((row) => caseOf(name, row)).join("")}\t</testsuite>\n`;
}

function caseOf(suite: string, { name, passed, skipped, milliseconds, detail }: VerifyRow): string {
	const open = `\t\t<testcase classname="${escaped(suite)}" name="${escaped(name)}" time="${seconds(milliseconds)}"`;
	if (skipped === true) return `${open}>\n\t\t\t<skipped message="${escaped(detail)}"/>\n\t\t</testcase>\n`;
	if (passed) return `${open}/>\n`;
	const [first = ""] = detail.split("\n");
	return `${open}>\n\t\t\t<failure message="${escaped(first)}">${escaped(detail)}</failure>\n\t\t</testcase>\n`;
}

function counts(rows: readonly VerifyRow[]): string {
	const failures = rows.filter(({ passed }) => !passed).length;
	const skipped = rows.filter((row) => row.skipped === true).length;
	const time = seconds(rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0));
	return ` tests="${rows.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${time}"`;
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3);

const ENTITIES: Readonly<Record<string, string>> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
	"\n": "&#10;",
};

/** XML 1.0 has no control characters but tab and line breaks. */
function escaped(text: string): string {
	return (
		text
			.replace(/\p{Surrogate}/gu, "\ufffd")
			// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in XML
			.replace(/[\u0000-\u0008\u000b-\u001f\u007f\ufffe\uffff]/g, "")
			.replace(/[&<>"\n]/g, (character) => ENTITIES[character] ?? character)
	);
}
