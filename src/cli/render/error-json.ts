/** An error as one line of JSON, the last event of `--progress json` and what `--json` has of one; the format is in docs/cli.md. */
import { EXIT_STATUS, messageOf, NodebuildError } from "../../errors.ts";
import { DEFECT, trace } from "./error.ts";
import { cleanLine } from "./lines.ts";

/** Ends with a line break. */
export function errorLine(error: unknown, now: number, debug: boolean): string {
	const event = { time: new Date(now).toISOString(), type: "error", ...fieldsOf(error) };
	return `${JSON.stringify(debug ? { ...event, trace: trace(error) } : event)}\n`;
}

function fieldsOf(error: unknown): object {
	if (!(error instanceof NodebuildError))
		return { code: "INTERNAL", status: EXIT_STATUS.INTERNAL, message: messageOf(error), hint: DEFECT };
	const { code, exitStatus: status, message, hint, at, details } = error;
	return {
		code,
		status,
		message,
		...(hint === undefined ? {} : { hint }),
		...(at === undefined ? {} : { at }),
		...(details.length === 0 ? {} : { details: details.flatMap((text) => text.split("\n")).map(cleanLine) }),
	};
}
