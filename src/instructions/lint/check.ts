/** The check directive. Rules: moby/buildkit frontend/dockerfile/linter/linter.go (ParseLintOptions). */
import { NodebuildError } from "../../errors.ts";
import { locate, rangeOfLine, type Source } from "../../nodefile/locate.ts";
import { trimSpace } from "../../nodefile/space.ts";
import type { NodefileText } from "../../nodefile/types.ts";

export interface CheckOptions {
	readonly skip: ReadonlySet<string>;
	readonly skipAll: boolean;
	/** Any warning is to fail the build. */
	readonly error: boolean;
}

/**
 * What `# check=skip=RuleA,RuleB;error=true` asks for; also `skip=all`.
 * @throws NodebuildError NODEFILE_INVALID, located
 */
export function checkOptions(source: NodefileText): CheckOptions {
	let skip: ReadonlySet<string> = new Set();
	let error = false;
	for (const part of (source.directives.check ?? "").split(";").map(trimSpace)) {
		if (part === "") continue;
		const equals = part.indexOf("=");
		const key = trimSpace(equals < 0 ? part : part.slice(0, equals));
		const value = trimSpace(equals < 0 ? "" : part.slice(equals + 1));
		if (key === "skip" && equals >= 0) skip = new Set(value.split(",").map(trimSpace));
		else if (key === "error" && /^(?:true|false|1|0|t|f)$/i.test(value)) error = /^[t1]/i.test(value);
		// BuildKit's experimental rules are none of ours.
		else if (key !== "experimental" || equals < 0) throw invalidOption(part, source);
	}
	return { skip, skipAll: skip.has("all"), error };
}

function invalidOption(part: string, source: Source): NodebuildError {
	const lines = source.text.split("\n");
	const line = lines.findIndex((text) => /^\ufeff?\s*#\s*check\s*=/i.test(text)) + 1;
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `invalid check option "${part}"`,
		hint: "Write # check=skip=RuleA,RuleB or # check=skip=all;error=true.",
		at: locate(source, rangeOfLine(source, Math.max(1, line))),
	});
}
