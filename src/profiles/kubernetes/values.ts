/** What was given for the variables, by precedence and type, with names that nobody knows told apart. */
import { NodebuildError } from "../../errors.ts";
import { nearest } from "../../nodefile/suggest.ts";
import type { GivenVariable } from "../types.ts";
import { lastOf } from "./precedence.ts";
import { isVariable, type Values, VARIABLE_NAMES, variablesSchema } from "./variables.ts";

export interface Read {
	readonly values: Values;
	readonly warnings: readonly string[];
}

/** Later ones win. @throws NodebuildError USAGE with every value that is of another type than it has to be. */
export function readValues(given: readonly GivenVariable[]): Read {
	const last = lastOf(given, (value, all) => expand(value, all, 0));
	const known = [...last.values()].filter(({ name }) => isVariable(name));
	const raw = Object.fromEntries(known.map(({ name, value }) => [name, expand(value, last, 0)]));
	const result = variablesSchema.safeParse(raw);
	if (!result.success) {
		const details = result.error.issues.map(({ path, message }) => {
			const name = String(path[0]);
			return `${name} (${last.get(name)?.from}): ${message}`;
		});
		throw new NodebuildError({
			code: "USAGE",
			message:
				details.length === 1
					? `a variable has a value that it cannot have: ${details[0]}`
					: "variables have values that they cannot have",
			...(details.length === 1 ? {} : { details }),
			hint: "docs/kubernetes.md lists the variables with their types",
		});
	}
	return { values: result.data, warnings: [...misspelt([...last.values()]), ...withoutEffect(last)] };
}

/** image-builder's files refer to one another's variables: {{ user `kubernetes_series` }}. */
function expand(value: unknown, all: ReadonlyMap<string, GivenVariable>, depth: number): unknown {
	if (typeof value !== "string" || depth > 8) return value;
	return value.replace(/\{\{\s*user\s*[`"']([\w-]+)[`"']\s*\}\}/g, (_whole, name: string) =>
		String(expand(all.get(name)?.value ?? "", all, depth + 1) ?? ""),
	);
}

/** An ARG of the Nodefile may have any name, but hardly one of ours in other letters. */
function otherwiseSpelt(name: string): string | undefined {
	return VARIABLE_NAMES.find((known) => known.toLowerCase() === name.toLowerCase());
}

/** A file has many variables that are not for us; one that is nearly ours is probably meant to be. */
function misspelt(given: readonly GivenVariable[]): readonly string[] {
	return given.flatMap(({ name, from }) => {
		if (isVariable(name)) return [];
		const similar = from.startsWith("the file") ? nearest(name, VARIABLE_NAMES) : otherwiseSpelt(name);
		return similar === undefined ? [] : [`${from} has the unknown variable ${name} (did you mean ${similar}?)`];
	});
}

/** image-builder's, whose other value means another way of building; what is done instead. */
const WITHOUT_EFFECT: Readonly<Record<string, { readonly usual: RegExp; readonly why: string }>> = {
	kubernetes_source_type: { usual: /^(pkg)?$/, why: "Kubernetes comes from packages" },
	kubernetes_cni_source_type: { usual: /^(pkg)?$/, why: "the CNI plugins come from the package kubernetes-cni" },
	kubernetes_rpm_gpg_check: { usual: /^(true)?$/i, why: "packages' signatures are always checked" },
};

function withoutEffect(given: ReadonlyMap<string, GivenVariable>): readonly string[] {
	return Object.entries(WITHOUT_EFFECT).flatMap(([name, { usual, why }]) => {
		const variable = given.get(name);
		const value = variable === undefined ? "" : String(expand(variable.value, given, 0) ?? "").trim();
		return variable === undefined || usual.test(value)
			? []
			: [`${name}=${value} of ${variable.from} has no effect: ${why}`];
	});
}
