/** What a build, a verification and an image say at the end, on standard output. */

import type { BuildResult, VerifyReport } from "../../build/types.ts";
import { formatBytes } from "../../system/files.ts";
import { formatDuration, shortId, table } from "./text.ts";

export function renderResult(result: BuildResult): string {
	const { image, outputs, verification } = result;
	const name = image.tags[0] ?? shortId(image.id);
	const what = result.cached ? "unchanged" : "built";
	const lines = [`${what} ${[...image.tags, shortId(image.id)].join(" ")} in ${formatDuration(result.milliseconds)}`];
	for (const { path, size, sha256 } of outputs) lines.push(`wrote ${path} ${formatBytes(size)} sha256:${sha256}`);
	const report = verification === undefined ? "" : renderVerification(verification);
	return `${lines.join("\n")}\n${report}start a throwaway copy: nodebuild run ${name}\n`;
}

export function resultJson({ image, cached, outputs, milliseconds, verification }: BuildResult): object {
	const { id, key, tags, size, virtualSize } = image;
	const shown = { id, key, tags, size, virtualSize };
	return { type: "result", image: shown, cached, milliseconds, outputs, ...(verification && { verification }) };
}

export function renderVerification(report: VerifyReport): string {
	const rows = report.rows.map((row) => [
		row.skipped === true ? "skipped" : row.passed ? "ok" : "FAILED",
		row.suite === undefined ? row.name : `${row.suite}: ${row.name}`,
		formatDuration(row.milliseconds),
		row.detail,
	]);
	const failed = report.rows.filter((row) => !row.passed).length;
	const verdict = report.passed
		? `verified: a throwaway machine of ${report.image} booted and passed all ${report.rows.length} checks`
		: `verification failed: ${failed} of ${report.rows.length} checks of ${report.image} did not pass`;
	return `${table(["CHECK", "WHAT", "TIME", "DETAIL"], rows)}${verdict}\n`;
}
