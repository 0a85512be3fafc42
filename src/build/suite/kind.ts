/** What a suite can look at: one ResourceKind for each of goss's resources. */
import * as z from "zod";
import type { Guest } from "../../guest/types.ts";
import type { Value, ValueMap } from "./value.ts";

/** The machine that is asked. */
export interface Probe {
	readonly guest: Guest;
	readonly signal: AbortSignal;
}

/** What was found, by property; what is not in `values` could not be told, and `problem` says why. */
export interface Facts {
	readonly values: ValueMap;
	readonly problem?: string;
}

/** Asks the machine for the wanted properties. */
export type Finder = (wanted: ReadonlySet<string>, probe: Probe) => Promise<Facts>;

/** "text": read line by line; "flag" and "number": what is written alone, without a matcher, has to be one. */
export type PropertyForm = "value" | "text" | "flag" | "number";

export interface ResourceKind {
	/** What can be expected of it, in the order in which it is compared. */
	readonly properties: Readonly<Record<string, PropertyForm>>;
	/** The property that says whether there is such a thing at all. */
	readonly presence?: string;
	/** Names of attributes that say what to look at, and how. */
	readonly parameters: readonly string[];
	/** @throws z.ZodError, MatcherError for attributes that are not as they must be */
	bind(name: string, attributes: unknown): Finder;
}

interface Definition<Shape extends z.ZodRawShape> {
	readonly parameters: Shape;
	readonly properties: ResourceKind["properties"];
	readonly presence?: string;
	/** Names and parameters that no schema tells. @throws MatcherError */
	check?(name: string, parameters: z.infer<z.ZodObject<Shape>>): void;
	find(
		input: {
			readonly name: string;
			readonly parameters: z.infer<z.ZodObject<Shape>>;
			readonly wanted: ReadonlySet<string>;
		},
		probe: Probe,
	): Promise<Facts>;
}

export function resourceKind<Shape extends z.ZodRawShape>(definition: Definition<Shape>): ResourceKind {
	const { properties, presence } = definition;
	// What is expected is checked by the matchers; here it passes.
	const schema = z.object(definition.parameters);
	return {
		properties,
		...(presence === undefined ? {} : { presence }),
		parameters: Object.keys(definition.parameters),
		bind: (name, attributes) => {
			const parameters = schema.parse(attributes);
			definition.check?.(name, parameters);
			return (wanted, probe) => definition.find({ name, parameters, wanted }, probe);
		},
	};
}

/** As in goss, 0 is what stands there when nothing does. */
export const milliseconds = (fallback: number) =>
	z
		.number()
		.nonnegative()
		.default(fallback)
		.transform((given) => given || fallback);

/** Runs a script with arguments that are no part of its text. */
export function sh(
	{ guest, signal }: Probe,
	script: string,
	args: readonly string[],
	more: { readonly stdin?: string; readonly timeout?: number } = {},
) {
	return guest.capture({ argv: ["/bin/sh", "-c", script, "sh", ...args], signal, ...more });
}

/** A list of words, one a line. */
export function linesOf(text: string): readonly string[] {
	return text.split("\n").filter((line) => line !== "");
}

export function facts(values: { readonly [name: string]: Value | undefined }, problem?: string): Facts {
	const known = Object.entries(values).flatMap(([name, value]) =>
		value === undefined ? [] : [[name, value] as const],
	);
	return { values: Object.fromEntries(known), ...(problem === undefined ? {} : { problem }) };
}
