/** Packer's templates in values: what is filled in, and what cannot be. Pure. */
import type { GivenVariable } from "../types.ts";
import { shown } from "./fields.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Expansion {
	readonly all: ReadonlyMap<string, GivenVariable>;
	readonly environment: Environment;
	/** Where warnings of variables that nobody gives are put. */
	readonly lost?: Set<string>;
	/** The variable that refers to others. */
	readonly within?: GivenVariable;
	readonly depth?: number;
}

/** Of Go's text/template: a dash within the braces takes the white space outside of them along. */
const REFERENCE = /(?:\s*\{\{-\s|\{\{)\s*(user|env)\s*([`"'])([\w-]+)\2\s*(?:-\}\}\s*|\}\})/g;

/** image-builder's files refer to one another's variables, {{ user `kubernetes_series` }}, and templates to {{ env `HOME` }}. */
export function expand(value: unknown, { all, environment, lost, within, depth = 0 }: Expansion): unknown {
	if (typeof value !== "string" || depth > 8) return value;
	return value.replace(REFERENCE, (_whole, kind: string, _quote, name: string) => {
		if (kind === "env") return environment[name] ?? "";
		const other = all.get(name);
		if (other === undefined && within !== undefined)
			lost?.add(
				`${within.from} refers in ${within.name} to the variable ${name}, which nobody gives: it is taken as empty`,
			);
		const next = { all, environment, depth: depth + 1, ...(lost && other ? { lost, within: other } : {}) };
		return String(expand(other?.value ?? "", next) ?? "");
	});
}

/** Braces that are left would be taken as they are; those for Ansible are Ansible's own. */
export function templateFault(name: string, value: unknown): string | undefined {
	if (name === "ansible_user_vars" || typeof value !== "string") return undefined;
	const left = /\{\{.*?(?:\}\}|$)/s.exec(value)?.[0];
	return left === undefined
		? undefined
		: `expected a value, or a template that has nothing but {{user \`NAME\`}} and {{env \`NAME\`}}, got ${shown(left)}`;
}
