/** Values as YAML and JSON have them: what a suite expects, and what a machine answers. */

export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

export type ValueMap = { readonly [key: string]: Value };

/** Whether what was found is what the suite expects. */
export type Test = (actual: Value) => boolean;

export function isList(value: Value): value is readonly Value[] {
	return Array.isArray(value);
}

export function isMap(value: Value): value is ValueMap {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As text, the way goss turns what it found into a string. */
export function textOf(value: Value): string {
	if (isList(value) && value.length === 1) return textOf(value[0] ?? null);
	return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
}

const MOST_SHOWN = 200;

/** For messages: JSON, cut where it is long. */
export function shown(value: Value): string {
	const text = JSON.stringify(value);
	return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
}
