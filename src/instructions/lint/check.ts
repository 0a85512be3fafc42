/** The check directive. Rules: moby/buildkit frontend/dockerfile/linter/linter.go (ParseLintOptions). */
import { NodebuildError } from "../../errors.ts";
import { locate, rangeOfLine, type Source } from "../../nodefile/locate.ts";
import { trimSpace } from "../../nodefile/space.ts";
import type { NodefileText } from "../../nodefile/types.ts";

export interface CheckOptions {
	readonly skip: ReadonlySet<string>;
	readonly skipAll: boolean;
	/** Rules that run only when they are named, or with "all". */
	readonly experimental: ReadonlySet<string>;
	/** Any warning is to fail the build. */
	readonly error: boolean;
}

/** Rules that BuildKit runs only for who asks for them. */
const EXPERIMENTAL: ReadonlySet<string> = new Set(["InvalidDefinitionDescription"]);

/** The build argument that stands in for the directive, as in BuildKit. */
export const CHECK_ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK";

/**
 * What `# check=skip=RuleA,RuleB;error=true` asks for; also `skip=all` and `experimental=RuleA` or `=all`.
 * @param instead value of the build argument CHECK_ARGUMENT, which counts instead of the directive
 * @throws NodebuildError NODEFILE_INVALID at the directive, USAGE for the argument
 */
export function checkOptions(source: NodefileText, instead?: string): CheckOptions {
	let skip: ReadonlySet<string> = new Set();
	let experimental: ReadonlySet<string> = new Set();
	let error = false;
	for (const part of (instead ?? source.directives.check ?? "").split(";").map(trimSpace)) {
		if (part === "") continue;
		const equals = part.indexOf("=");
		const key = trimSpace(equals < 0 ? part : part.slice(0, equals));
		const value = trimSpace(equals < 0 ? "" : part.slice(equals + 1));
		if (key === "skip" && equals >= 0) skip = namesOf(value);
		else if (key === "experimental" && equals >= 0) experimental = namesOf(value);
		else if (key === "error" && /^(?:true|false|1|0|t|f)$/i.test(value)) error = /^[t1]/i.test(value);
		else throw invalidOption(part, source, instead);
	}
	return { skip, skipAll: skip.has("all"), experimental, error };
}

/** Whether warnings of this rule are shown. */
export function isWanted(rule: string, { skip, skipAll, experimental }: CheckOptions): boolean {
	if (skipAll || skip.has(rule)) return false;
	return !EXPERIMENTAL.has(rule) || experimental.has("all") || experimental.has(rule);
}

function namesOf(list: string): ReadonlySet<string> {
	return new Set(list.split(",").map(trimSpace));
}

function invalidOption(part: string, source: Source, instead: string | undefined): NodebuildError {
	const hint = "Write check=skip=RuleA,RuleB or check=skip=all;error=true.";
	if (instead !== undefined) {
		const message = `invalid check option "${part}" in the build argument ${CHECK_ARGUMENT}`;
		return new NodebuildError({ code: "USAGE", message, hint: hint.replaceAll("check=", "") });
	}
	const lines = source.text.split("\n");
	const line = lines.findIndex((text) => /^\ufeff?\s*#\s*check\s*=/i.test(text)) + 1;
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `invalid check option "${part}"`,
		hint,
		at: locate(source, rangeOfLine(source, Math.max(1, line))),
	});
}
