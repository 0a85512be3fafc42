/** What to say of a COPY --from or RUN --mount=from that nobody knows. */
import { NodebuildError } from "../errors.ts";
import type { Nodefile } from "../instructions/types.ts";
import { nearest } from "../nodefile/suggest.ts";

/** An unknown base's error, with the stage that was probably meant; any other one as it is. */
export function orStage(error: unknown, ref: string, { stages }: Nodefile): unknown {
	if (!(error instanceof NodebuildError) || error.code !== "BASE_UNKNOWN") return error;
	const names = stages.flatMap(({ from }) => (from.as === undefined ? [] : [from.as]));
	const meant = nearest(ref, names);
	const known = meant === undefined ? "" : `did you mean the stage "${meant}"? `;
	return new NodebuildError({
		code: error.code,
		message: error.message.replace(" a known base,", " a stage above, an image, a known base,"),
		hint: `${known}${error.hint ?? ""}`,
		...(error.at === undefined ? {} : { at: error.at }),
		cause: error,
	});
}
