/** The plain part of gjson's paths: names and numbers joined by dots, `#` for a list's length, `@this`. */
import { isList, isMap, type Value } from "./value.ts";

/** Undefined where the text is no JSON, or has nothing there. */
export function jsonAt(text: string, path: string): Value | undefined {
	let value: Value | undefined;
	try {
		value = JSON.parse(text) as Value;
	} catch {
		return undefined;
	}
	for (const key of path === "@this" ? [] : path.split(/(?<!\\)\./)) {
		if (value === undefined) return undefined;
		value = child(value, key.replaceAll("\\.", "."));
	}
	return value;
}

function child(value: Value, key: string): Value | undefined {
	if (isList(value)) return key === "#" ? value.length : value[Number(key)];
	return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
