/** A suite by goss itself, where the machine has it. Its JSON: goss-org/goss outputs/json.go, resource/validate.go. */
import * as z from "zod";
import type { VerifyRow } from "../types.ts";
import { type Probe, sh } from "./kind.ts";
import type { Suite } from "./load.ts";

const SKIPPED = 2;

const RESULT = z.object({
	results: z.array(
		z.object({
			"resource-type": z.string(),
			"resource-id": z.string(),
			property: z.string(),
			title: z.string().nullish(),
			successful: z.boolean(),
			skipped: z.boolean().nullish(),
			result: z.number().nullish(),
			duration: z.number().default(0),
			"summary-line": z.string().nullish(),
		}),
	),
});

/** Undefined where there is no goss, or the suite takes in files that the machine does not have. */
export async function gossRows({ name, rendered }: Suite, probe: Probe): Promise<readonly VerifyRow[] | undefined> {
	if (rendered === undefined) return undefined;
	const { status } = await sh(probe, "command -v goss >/dev/null", []);
	if (status !== 0) return undefined;
	const { stdout, stderr } = await sh(probe, "goss --gossfile - validate --format json --no-color", [], {
		stdin: rendered,
	});
	return readGoss(stdout, name) ?? [failedRow(name, stderr.trim() || stdout.trim())];
}

/** Undefined for what is no answer of goss. */
export function readGoss(text: string, suite: string): readonly VerifyRow[] | undefined {
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch {
		return undefined;
	}
	const answer = RESULT.safeParse(json);
	return answer.data?.results.map((result) => {
		const skipped = result.skipped === true || result.result === SKIPPED;
		const what = result.title || `${result["resource-type"].toLowerCase()} ${result["resource-id"]}`;
		return {
			name: `${what}: ${result.property}`,
			suite,
			passed: result.successful || skipped,
			...(skipped ? { skipped } : {}),
			// Go's durations are in nanoseconds.
			milliseconds: Math.round(result.duration / 1e6),
			detail: result.successful ? "" : (result["summary-line"] ?? ""),
		};
	});
}

function failedRow(suite: string, said: string): VerifyRow {
	return { name: "goss reads the suite", suite, passed: false, milliseconds: 0, detail: said };
}
