/** Functions of templates: Go's text/template, goss's own, and those of sprig that suites use. */
import semver from "semver";
import { messageOf } from "../../errors.ts";
import { goExpression } from "./go-expression.ts";
import { isList, isMap, shown, textOf, type Value } from "./value.ts";

/** Undefined: a variable without a value. */
export type Known = Value | undefined;

type TemplateFunction = (values: readonly Known[]) => Known;

const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
	eq: ([first, ...others]) => others.some((other) => plain(first) === plain(other)),
	ne: ([first, second]) => plain(first) !== plain(second),
	gt: ([first, second]) => order(first, second) > 0,
	ge: ([first, second]) => order(first, second) >= 0,
	lt: ([first, second]) => order(first, second) < 0,
	le: ([first, second]) => order(first, second) <= 0,
	not: ([value]) => isEmpty(value),
	default: ([fallback, value]) => (isEmpty(value) ? fallback : value),
	index: ([from, ...keys]) => keys.reduce(child, from),
	len: ([value]) => length(value),
	toUpper: ([value]) => plain(value).toUpperCase(),
	toLower: ([value]) => plain(value).toLowerCase(),
	upper: ([value]) => plain(value).toUpperCase(),
	lower: ([value]) => plain(value).toLowerCase(),
	trim: ([value]) => plain(value).trim(),
	contains: ([part, value]) => plain(value).includes(plain(part)),
	hasPrefix: ([part, value]) => plain(value).startsWith(plain(part)),
	hasSuffix: ([part, value]) => plain(value).endsWith(plain(part)),
	regexMatch: ([pattern, value]) => matches(plain(pattern), plain(value)),
	semverCompare: ([range, version]) => compareVersions(plain(range), plain(version)),
};

export const FUNCTION_NAMES: readonly string[] = Object.keys(FUNCTIONS);

/** @throws TypeError for what the function has no answer to */
export function callFunction(name: string, values: readonly Known[]): Known {
	return FUNCTIONS[name]?.(values);
}

/** What `if` and `not` take for false. */
export function isEmpty(value: Known): boolean {
	if (value === undefined || value === null) return true;
	if (isList(value)) return value.length === 0;
	return isMap(value) ? Object.keys(value).length === 0 : !value;
}

function plain(value: Known): string {
	return textOf(value ?? null);
}

/** Texts by their letters, even of numbers: "10" is before "9", as in Go. */
function order(first: Known, second: Known): number {
	if (typeof first === "number" && typeof second === "number") return first - second;
	if (typeof first === "string" && typeof second === "string") return first < second ? -1 : Number(first > second);
	throw new TypeError(`expected two numbers or two texts, got ${shown(first ?? null)} and ${shown(second ?? null)}`);
}

function child(from: Known, key: Known): Known {
	if (from === undefined || from === null) return undefined;
	if (isMap(from)) return typeof key === "string" && Object.hasOwn(from, key) ? from[key] : undefined;
	if (!isList(from)) throw new TypeError(`expected a list or a map, got ${shown(from)}`);
	const found = typeof key === "number" ? from[key] : undefined;
	if (found === undefined) throw new TypeError(`a list of ${from.length} has no ${shown(key ?? null)}`);
	return found;
}

function length(value: Known): number {
	if (value !== undefined && isList(value)) return value.length;
	if (value !== undefined && isMap(value)) return Object.keys(value).length;
	// Go counts bytes.
	if (typeof value === "string") return Buffer.byteLength(value);
	throw new TypeError(`expected a list, a map or a text, got ${shown(value ?? null)}`);
}

function matches(pattern: string, text: string): boolean {
	try {
		return goExpression(pattern).test(text);
	} catch (error) {
		throw new TypeError(`expected a regular expression, got ${shown(pattern)}: ${messageOf(error)}`, { cause: error });
	}
}

function compareVersions(range: string, text: string): boolean {
	const version = semver.parse(text) ?? semver.coerce(text);
	if (version === null || !semver.validRange(range))
		throw new TypeError(`expected a range and a version, got ${shown(range)} and ${shown(text)}`);
	return semver.satisfies(version, range);
}
