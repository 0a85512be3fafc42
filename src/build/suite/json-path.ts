/** The plain part of gjson's paths: names and numbers joined by dots, `#` for a list's length or each of it, `@this`. */
import { isList, isMap, type Value } from "./value.ts";

type Step = { readonly key: string } | "each";

/**
 * Finds what stands at a path in a text: undefined where the text is no JSON, or has nothing there.
 * @throws SyntaxError for what we do not read: queries, wildcards, modifiers
 */
export function jsonPath(path: string): (text: string) => Value | undefined {
	const steps = path === "@this" ? [] : path.split(/(?<!\\)\./).map(stepOf);
	return (text) => {
		let value: Value;
		try {
			value = JSON.parse(text) as Value;
		} catch {
			return undefined;
		}
		return follow(value, steps);
	};
}

function stepOf(written: string): Step {
	if (written === "#") return "each";
	if (written === "" || /^(?:#.|[@!{[])|(?<!\\)[*?|]/.test(written))
		throw new SyntaxError(
			`"${written}" is more of gjson than is known here: names and numbers joined by dots, # for a list's length or each of it, @this. Before a letter that is part of a name stands \\.`,
		);
	return { key: written.replace(/\\(.)/g, "$1") };
}

function follow(value: Value | undefined, [step, ...rest]: readonly Step[]): Value | undefined {
	if (step === undefined || value === undefined) return value;
	if (step !== "each") return follow(child(value, step.key), rest);
	if (!isList(value)) return follow(child(value, "#"), rest);
	if (rest.length === 0) return value.length;
	return value.map((one) => follow(one, rest)).filter((found) => found !== undefined);
}

function child(value: Value, key: string): Value | undefined {
	if (isList(value)) return /^\d+$/.test(key) ? value[Number(key)] : undefined;
	return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
