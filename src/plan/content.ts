/** Digest of what a COPY, ADD or mount brings in, whatever the mixture of its origins. */
import { type Digest, digestOf } from "../digest.ts";
import type { SourceLocation } from "../errors.ts";
import type { PlanResolvers, SourceOption } from "./input.ts";
import type { CopyOrigin, CopyRequest } from "./types.ts";

type StageOrigin = Extract<CopyOrigin, { kind: "stage" }>;
type InlineOrigin = Extract<CopyOrigin, { kind: "inline" }>;

const isStage = (origin: CopyOrigin): origin is StageOrigin => origin.kind === "stage";
const isInline = (origin: CopyOrigin): origin is InlineOrigin => origin.kind === "inline";

/**
 * Stages count with their key and inline files with their text; what remains is asked of the
 * resolver, as one request.
 */
export async function contentDigest(
	request: CopyRequest,
	at: SourceLocation,
	option: SourceOption,
	resolvers: PlanResolvers,
	stageKey: (stage: number) => Digest,
): Promise<Digest> {
	const outside = request.origins.filter((origin) => !isStage(origin) && !isInline(origin));
	if (outside.length === request.origins.length) return resolvers.copy(request, at, option);
	return digestOf({
		stages: request.origins.filter(isStage).map(({ stage }) => stageKey(stage)),
		inline: request.origins.filter(isInline).map(({ name, content }) => ({ name, content })),
		outside: outside.length === 0 ? undefined : await resolvers.copy({ ...request, origins: outside }, at, option),
	});
}
