/** Machines are prepared, watched and sealed through systemd. */
import { NodebuildError, type SourceLocation } from "../errors.ts";

/** @throws NodebuildError UNSUPPORTED for a base whose machines boot with something else. */
export function requireSystemd(
	{ ref, family }: { readonly ref: string; readonly family: string },
	at: SourceLocation,
): void {
	if (family !== "alpine") return;
	throw new NodebuildError({
		code: "UNSUPPORTED",
		message: `expected a base with systemd, got ${ref}, which boots with OpenRC`,
		hint: 'start from a base of another family; "nodebuild bases" lists them',
		at,
	});
}
