/** Rules about FROM and stages. */
import { nearest } from "../../nodefile/suggest.ts";
import type { LintWarning } from "../../nodefile/types.ts";
import { type Expansion, processWord } from "../../nodefile/words.ts";
import { writtenKeyword } from "../dispatch.ts";
import type { FromInstruction } from "../types.ts";
import { type LintInput, type Rule, warning } from "./rule.ts";

const RESERVED = new Set(["context", "scratch"]);

/** Set by the builder itself, see docs.docker.com/reference/dockerfile (automatic platform ARGs). */
const PLATFORM_ARGS = ["BUILD", "TARGET"].flatMap((side) =>
	["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"].map((part) => side + part),
);

/** Stage names: StageNameCasing, FromAsCasing, ReservedStageName, DuplicateStageName. */
export const stageNames: Rule = (input) => {
	const seen = new Set<string>();
	const warnings: LintWarning[] = [];
	for (const { from } of input.nodefile.stages) {
		const [, as, name] = from.node.args;
		if (from.as === undefined || as === undefined || name === undefined) continue;
		const add = (rule: string, message: string, part: string) =>
			warnings.push(warning(input, rule, message, from.node, part));
		const keyword = writtenKeyword(from.node);
		if (name !== from.as) add("StageNameCasing", `Stage name '${name}' should be lowercase`, name);
		if (!sameCase(keyword, as)) add("FromAsCasing", `'${as}' and '${keyword}' keywords' casing do not match`, as);
		if (RESERVED.has(from.as)) {
			const message = `Stage name should not use the same name as reserved stage "${from.as}"`;
			add("ReservedStageName", message, name);
		}
		if (seen.has(from.as)) {
			add("DuplicateStageName", `Duplicate stage name "${from.as}", stage names should be unique`, name);
		}
		seen.add(from.as);
	}
	return warnings;
};

/** A mixed `From` has a warning of its own; nothing more is said of its AS. */
function sameCase(from: string, as: string): boolean {
	if (from === from.toLowerCase()) return as === as.toLowerCase();
	return from !== from.toUpperCase() || as === as.toUpperCase();
}

/** Variables in FROM: UndefinedArgInFrom, InvalidDefaultArgInFrom. */
export const variablesInFrom: Rule = (input) => {
	const defaults = defaultsOf(input);
	return input.nodefile.stages.flatMap(({ from }) => {
		const warnings: LintWarning[] = [];
		const expanded = expand(from.image, defaults, input);
		const platform = from.platform === undefined ? undefined : expand(from.platform, defaults, input);
		for (const name of [...(expanded?.unmatched ?? []), ...(platform?.unmatched ?? [])]) {
			const meant = nearest(name, defaults.keys());
			const suggestion = meant === undefined ? "" : ` (did you mean ${meant}?)`;
			const message = `FROM argument '${name}' is not declared${suggestion}`;
			warnings.push(warning(input, "UndefinedArgInFrom", message, from.node, name));
		}
		const empty =
			expanded !== undefined && from.image.includes("$") && !/^[^:@\s][^\s]*[^:@\s]$|^\w$/.test(expanded.value);
		if (empty && expanded.unmatched.length === 0) {
			const message = `Default value for ARG ${from.image} results in empty or invalid base image name`;
			warnings.push(warning(input, "InvalidDefaultArgInFrom", message, from.node, from.image));
		}
		return warnings;
	});
};

/** Global ARGs with their defaults expanded; what the builder sets has a value that stands for any. */
function defaultsOf(input: LintInput): Map<string, string> {
	const values = new Map(PLATFORM_ARGS.map((name) => [name, "any"]));
	for (const { args } of input.nodefile.globalArgs) {
		for (const { key, value = "" } of args) values.set(key, expand(value, values, input)?.value ?? value);
	}
	return values;
}

/** Undefined for a word that cannot be expanded; the build says why. */
function expand(word: string, values: ReadonlyMap<string, string>, { source }: LintInput): Expansion | undefined {
	try {
		return processWord(word, (name) => values.get(name), source.directives);
	} catch {
		return undefined;
	}
}

/** --platform of FROM: RedundantTargetPlatform, FromPlatformFlagConstDisallowed. */
export const platforms: Rule = (input) =>
	input.nodefile.stages.flatMap(({ from }) => {
		const { platform } = from;
		if (platform === undefined) return [];
		if (/^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform)) {
			const message = `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
			return [warning(input, "RedundantTargetPlatform", message, from.node, platform)];
		}
		if (platform.includes("$") || isNamedAfter(from, platform)) return [];
		const message = `FROM --platform flag should not use constant value "${platform}"`;
		return [warning(input, "FromPlatformFlagConstDisallowed", message, from.node, platform)];
	});

/** A stage such as build-arm64 is for one platform on purpose. */
function isNamedAfter(from: FromInstruction, platform: string): boolean {
	const [os = "", architecture = os] = platform.split("/");
	return from.as !== undefined && (from.as.includes(os) || from.as.includes(architecture));
}
