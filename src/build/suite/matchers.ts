/**
 * goss's matchers. A suite's value says by its form how it is compared: goss's manual, "Matchers".
 * https://github.com/goss-org/goss/blob/master/docs/gossfile.md
 */
import { messageOf } from "../../errors.ts";
import { nearest } from "../../nodefile/suggest.ts";
import { goExpression } from "./go-expression.ts";
import { containsAll, containsExactly } from "./elements.ts";
import type { PropertyForm } from "./kind.ts";
import { jsonPath } from "./json-path.ts";
import { linePattern } from "./patterns.ts";
import { satisfiesAll } from "./versions.ts";
import { isList, isMap, shown, type Test, textOf, type Value } from "./value.ts";

/** A value of a suite that is no matcher; `path` leads to it. */
export class MatcherError extends Error {
	readonly path: readonly (string | number)[];
	readonly hint: string | undefined;

	constructor(message: string, path: readonly (string | number)[], hint?: string) {
		super(message);
		this.path = path;
		this.hint = hint;
	}

	below(...path: readonly (string | number)[]): MatcherError {
		return new MatcherError(this.message, [...path, ...this.path], this.hint);
	}
}

/** What was found is nothing that the matcher can judge. As in goss, `not` makes no success of it. */
class Incomparable extends Error {}

type Builder = (expected: Value) => Test;

const BUILDERS: Readonly<Record<string, Builder>> = {
	equal: (expected) => (actual) => isSame(actual, expected),
	"have-prefix": ofText((actual, expected) => actual.startsWith(expected)),
	"have-suffix": ofText((actual, expected) => actual.endsWith(expected)),
	"contain-substring": ofText((actual, expected) => actual.includes(expected)),
	"match-regexp": (expected) => {
		const pattern = expression(requireText(expected), goExpression);
		return (actual) => pattern.test(textOf(actual));
	},
	gt: ofNumber((actual, expected) => actual > expected),
	ge: ofNumber((actual, expected) => actual >= expected),
	lt: ofNumber((actual, expected) => actual < expected),
	le: ofNumber((actual, expected) => actual <= expected),
	"have-len": ofLength,
	"have-key": (expected) => {
		const key = requireText(expected);
		return (actual) => isMap(actual) && Object.hasOwn(actual, key);
	},
	"have-patterns": (expected) => {
		const tests = requireList(expected).map((pattern, index) =>
			below([index], () => expression(requireText(pattern), linePattern)),
		);
		return (actual) => tests.every((test) => test(textOf(actual)));
	},
	"contain-element": (expected) => {
		const test = matcher(expected);
		return (actual) => listOf(actual).some(test);
	},
	"contain-elements": (expected) => {
		const tests = each(expected);
		return (actual) => containsAll(listOf(actual), tests);
	},
	"consist-of": (expected) => {
		const tests = each(expected);
		return (actual) => containsExactly(listOf(actual), tests);
	},
	not: (expected) => {
		const test = testOf(expected);
		return (actual) => !test(actual);
	},
	and: (expected) => {
		const tests = each(expected, testOf);
		return (actual) => tests.every((test) => test(actual));
	},
	or: (expected) => {
		const tests = each(expected, testOf);
		return (actual) => tests.some((test) => test(actual));
	},
	"semver-constraint": (expected) => {
		const satisfies = satisfiesAll(requireText(expected));
		if (satisfies === undefined) throw new MatcherError(`expected a range of versions, got ${shown(expected)}`, []);
		return (actual) => judged(satisfies(listOf(actual).map(textOf)));
	},
	gjson: (expected) => {
		if (!isMap(expected)) throw new MatcherError(`expected paths with a matcher each, got ${shown(expected)}`, []);
		const tests = Object.entries(expected).map(([path, value]) =>
			below([path], () => {
				const find = pathOf(path);
				const test = testOf(value);
				return (actual: Value) => test(judged(find(textOf(actual))));
			}),
		);
		return (actual) => tests.every((test) => test(actual));
	},
};

/**
 * The test that a suite's value stands for.
 * @param kind "text": of what is read line by line (contents, output); there a list is one of patterns
 * @throws MatcherError
 */
export function matcher(expected: Value, kind: PropertyForm = "value"): Test {
	const test = testOf(expected, kind);
	return (actual) => {
		try {
			return test(actual);
		} catch (error) {
			if (error instanceof Incomparable) return false;
			throw error;
		}
	};
}

/** Like matcher, but its test throws Incomparable. */
function testOf(expected: Value, kind: PropertyForm = "value"): Test {
	if (kind === "flag" || kind === "number") requireForm(expected, kind);
	if (isList(expected)) return builder(kind === "text" ? "have-patterns" : "contain-elements")(expected);
	if (isMap(expected)) return advanced(expected);
	if (kind === "text") return (actual) => textOf(actual).replace(/\n$/, "") === textOf(expected).replace(/\n$/, "");
	return (actual) => isSame(actual, expected);
}

/** What else can be found would never be equal to it. Texts are taken where they are one: variables make such. */
function requireForm(expected: Value, form: "flag" | "number"): void {
	if (isMap(expected)) {
		for (const name of ["equal", "not", "and", "or"]) {
			const inner = Object.hasOwn(expected, name) ? (expected[name] ?? null) : null;
			if (inner !== null) below([name], () => requireForm(inner, form));
		}
	} else if (isList(expected)) {
		for (const [index, one] of expected.entries()) below([index], () => requireForm(one, form));
	} else if (form === "flag" ? !/^(true|false)$/.test(textOf(expected)) : Number.isNaN(numberOf(expected))) {
		throw new MatcherError(`expected ${form === "flag" ? "true or false" : "a number"}, got ${shown(expected)}`, []);
	}
}

function advanced(expected: { readonly [key: string]: Value }): Test {
	const entries = Object.entries(expected);
	const [entry] = entries;
	if (entry === undefined || entries.length > 1) {
		const got = entries.map(([name]) => name).join(", ") || "none";
		throw new MatcherError(`expected one matcher, got ${got}`, [], "Join several with and: [...].");
	}
	const [name, value] = entry;
	return below([name], () => builder(name)(value));
}

function builder(name: string): Builder {
	const found = Object.hasOwn(BUILDERS, name) ? BUILDERS[name] : undefined;
	if (found !== undefined) return found;
	const names = Object.keys(BUILDERS);
	const meant = nearest(name, names);
	const guess = meant === undefined ? "" : ` (did you mean ${meant}?)`;
	throw new MatcherError(`unknown matcher "${name}"${guess}`, [], `Matchers are ${names.join(", ")}.`);
}

function below<Result>(path: readonly (string | number)[], read: () => Result): Result {
	try {
		return read();
	} catch (error) {
		throw error instanceof MatcherError ? error.below(...path) : error;
	}
}

/** A number expected is compared as a number, a boolean as one, all else as text. */
function isSame(actual: Value, expected: Value): boolean {
	if (isList(expected)) {
		const list = listOf(actual);
		return list.length === expected.length && expected.every((each, index) => isSame(list[index] ?? null, each));
	}
	if (isMap(expected)) {
		const names = Object.keys(expected);
		if (!isMap(actual) || Object.keys(actual).length !== names.length) return false;
		return names.every((name) => isSame(actual[name] ?? null, expected[name] ?? null));
	}
	if (typeof expected === "number") return numberOf(actual) === expected;
	return textOf(actual) === textOf(expected);
}

function numberOf(value: Value): number {
	const text = textOf(value).trim();
	return text === "" ? Number.NaN : Number(text);
}

/** Text is a list of its lines. */
function listOf(value: Value): readonly Value[] {
	if (isList(value)) return value;
	return typeof value === "string" ? value.replace(/\n$/, "").split("\n") : [value];
}

function each(expected: Value, read: Builder = matcher): Test[] {
	return requireList(expected).map((value, index) => below([index], () => read(value)));
}

function judged<Answer>(answer: Answer | undefined): Answer {
	if (answer === undefined) throw new Incomparable();
	return answer;
}

function ofText(compare: (actual: string, expected: string) => boolean): Builder {
	return (expected) => {
		const text = requireText(expected);
		return (actual) => compare(textOf(actual), text);
	};
}

function ofNumber(compare: (actual: number, expected: number) => boolean): Builder {
	return (expected) => {
		const number = numberOf(expected);
		if (Number.isNaN(number)) throw new MatcherError(`expected a number, got ${shown(expected)}`, []);
		return (actual) => {
			const found = numberOf(actual);
			return compare(judged(Number.isNaN(found) ? undefined : found), number);
		};
	};
}

function ofLength(expected: Value): Test {
	if (typeof expected !== "number") throw new MatcherError(`expected a number, got ${shown(expected)}`, []);
	return (actual) => {
		if (isMap(actual)) return Object.keys(actual).length === expected;
		return (isList(actual) ? actual.length : textOf(actual).length) === expected;
	};
}

function requireText(value: Value): string {
	if (typeof value === "object") throw new MatcherError(`expected a text, got ${shown(value)}`, []);
	return String(value);
}

function requireList(value: Value): readonly Value[] {
	if (!isList(value)) throw new MatcherError(`expected a list, got ${shown(value)}`, []);
	return value;
}

function expression<Result>(text: string, read: (text: string) => Result): Result {
	try {
		return read(text);
	} catch (error) {
		throw new MatcherError(`expected a regular expression, got ${shown(text)}`, [], messageOf(error));
	}
}

function pathOf(path: string): ReturnType<typeof jsonPath> {
	try {
		return jsonPath(path);
	} catch (error) {
		throw new MatcherError(`cannot read the path ${shown(path)} of gjson`, [], messageOf(error));
	}
}
