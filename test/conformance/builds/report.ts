/** The table of a run: one row a suite. */
import type { Case } from "./cases.ts";

export interface Result extends Case {
	/** What differs; nothing when the build came out as recorded. */
	readonly different: readonly string[];
	/** Listed with a reason. */
	readonly known: boolean;
	readonly milliseconds: number;
}

export function report(results: readonly Result[]): string {
	const suites = [...new Set(results.map(({ suite }) => suite))].sort();
	const rows = [...suites.map((suite) => row(suite, ofSuite(results, suite))), row("all", results)];
	const header = ["suite", "cases", "equal", "known", "different", "median s", "slowest s"];
	const widths = header.map((title, column) =>
		Math.max(title.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
	);
	const line = (cells: readonly string[]): string =>
		cells
			.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
			.join("  ");
	return [header, ...rows].map(line).join("\n");
}

function ofSuite(results: readonly Result[], wanted: string): readonly Result[] {
	return results.filter(({ suite }) => suite === wanted);
}

function row(name: string, results: readonly Result[]): readonly string[] {
	const different = results.filter(({ different: lines }) => lines.length > 0);
	const times = results.map(({ milliseconds }) => milliseconds / 1000).sort((a, b) => a - b);
	const known = different.filter((one) => one.known).length;
	return [
		name,
		String(results.length),
		String(results.length - different.length),
		String(known),
		String(different.length - known),
		(times[Math.floor(times.length / 2)] ?? 0).toFixed(1),
		(times.at(-1) ?? 0).toFixed(1),
	];
}
