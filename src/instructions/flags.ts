/** Flags of instructions. Rules: moby/buildkit frontend/dockerfile/instructions/bflag.go. */
import { nearest } from "../nodefile/suggest.ts";
import type { InstructionNode } from "../nodefile/types.ts";
import { Fault } from "./fault.ts";

type FlagKind = "boolean" | "string" | "strings";

type FlagValue<Kind extends FlagKind> = Kind extends "boolean"
	? boolean | undefined
	: Kind extends "string"
		? string | undefined
		: readonly string[];

/** An empty `--name=` counts as not given; flags of kind "strings" may be repeated. */
export type Flags<Spec extends Readonly<Record<string, FlagKind>>> = {
	readonly [Name in keyof Spec]: FlagValue<Spec[Name]>;
};

/** @throws Fault for a flag that is unknown, repeated, or has no value or the wrong one */
export function readFlags<const Spec extends Readonly<Record<string, FlagKind>>>(
	node: InstructionNode,
	spec: Spec,
): Flags<Spec> {
	const values = new Map<string, boolean | string | string[]>();
	for (const flag of node.flags) {
		// A quoted "--" ends the flags, and those before it are checked all the same.
		if (flag === "--") break;
		addFlag(values, flag, spec, node.keyword);
	}
	const entries = Object.entries(spec).map(([name, kind]) => [name, valueOfKind(values.get(name), kind)]);
	return Object.fromEntries(entries) as Flags<Spec>;
}

function valueOfKind(
	value: boolean | string | string[] | undefined,
	kind: FlagKind,
): boolean | string | string[] | undefined {
	if (kind === "strings") return value ?? [];
	return value === "" ? undefined : value;
}

function addFlag(
	values: Map<string, boolean | string | string[]>,
	flag: string,
	spec: Readonly<Record<string, FlagKind>>,
	keyword: string,
): void {
	const equals = flag.indexOf("=");
	const written = equals < 0 ? flag : flag.slice(0, equals);
	const value = equals < 0 ? undefined : flag.slice(equals + 1);
	const name = written.slice(2);
	const kind = Object.hasOwn(spec, name) ? spec[name] : undefined;
	if (kind === undefined) throw unknownFlag(written, Object.keys(spec), keyword);
	const earlier = values.get(name);
	if (earlier !== undefined && kind !== "strings") {
		throw new Fault({ message: `duplicate flag specified: ${written}`, part: written, hint: "Keep one of them." });
	}
	if (kind === "boolean") {
		values.set(name, booleanValue(written, value));
		return;
	}
	if (value === undefined) {
		throw new Fault({ message: `missing a value on flag: ${written}`, part: written, hint: `Write ${written}=VALUE.` });
	}
	values.set(name, kind === "string" ? value : [...(Array.isArray(earlier) ? earlier : []), value]);
}

function booleanValue(written: string, value: string | undefined): boolean {
	const lower = value?.toLowerCase();
	if (lower === undefined || lower === "true") return true;
	if (lower === "false") return false;
	const hint = `Write ${written}, ${written}=true or ${written}=false.`;
	if (lower === "") throw new Fault({ message: `missing a value on flag: ${written}`, part: written, hint });
	throw new Fault({ message: `expecting boolean value for flag ${written}, not: ${value}`, part: written, hint });
}

function unknownFlag(written: string, known: readonly string[], keyword: string): Fault {
	const meant = nearest(written.slice(2), known);
	const list = known.map((name) => `--${name}`).join(", ");
	return new Fault({
		message: `unknown flag: ${written}${meant === undefined ? "" : ` (did you mean --${meant}?)`}`,
		part: written,
		hint: known.length === 0 ? `${keyword} has no flags.` : `${keyword} has ${list}.`,
	});
}
