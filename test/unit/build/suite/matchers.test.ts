/** The examples of goss's manual, "Matchers", and where they end. */
import { describe, expect, test } from "vitest";
import { MatcherError, matcher } from "../../../../src/build/suite/matchers.ts";
import type { Value } from "../../../../src/build/suite/value.ts";

const matches = (expected: Value, actual: Value) => matcher(expected)(actual);

test.each<[Value, Value, boolean]>([
	["foo", "foo", true],
	["foo", "foobar", false],
	["55", 55, true],
	[42, "42", true],
	[42.0, "42", true],
	[0, "", false],
	[true, "true", true],
	[true, false, false],
	["0644", "0644", true],
	[{ "have-prefix": "4" }, 42, true],
	[{ "have-suffix": "2" }, 42, true],
	[{ "contain-substring": "o b" }, "foo bar", true],
	[{ "match-regexp": "\\d{2}" }, 42, true],
	[{ "match-regexp": "^a" }, "ba", false],
	[{ "match-regexp": "(?i)^A[[:digit:]]\\z" }, "a1", true],
	[{ gt: 200 }, "128", false],
	[{ ge: 128 }, "128", true],
	[{ lt: 95 }, 12, true],
	[{ le: 11 }, 12, false],
	[{ lt: 1 }, "no number", false],
	[{ "have-len": 3 }, [1, 2, 3], true],
	[{ "have-len": 3 }, "four", false],
	[{ "have-key": "a" }, { a: 1 }, true],
	[{ "have-key": "toString" }, { a: 1 }, false],
	[{ not: "foo" }, "bar", true],
	[{ and: ["42", { "have-prefix": "4" }, { gt: 40 }] }, 42, true],
	[{ or: [{ lt: 4 }, { gt: 41 }] }, 42, true],
	[{ or: [] }, 42, false],
	[{ "semver-constraint": ">1.0.0 <2.0.0 !=1.5.0" }, ["1.0.1", "1.9.9"], true],
	[{ "semver-constraint": ">1.0.0 <2.0.0 !=1.5.0" }, ["1.0.1", "1.5.0"], false],
	[{ "semver-constraint": ">5.0.0 || < 1.5.0" }, "1.0.1", true],
	[{ "semver-constraint": ">5.0.0 || < 1.5.0" }, "v1.0.1", false],
	[{ "semver-constraint": "<6.0.0" }, "5:24.0.7-1", false],
	[{ "semver-constraint": ">=24.0.0 <25.0.0" }, ["5:24.0.7-1~debian.12~bookworm"], true],
	[{ "semver-constraint": ">=1.2.3" }, "1.2.3~rc1", false],
	[{ "semver-constraint": "<1.2.3" }, "1.2.3~rc1", true],
	[{ "semver-constraint": ">=1.0.0" }, "1.24-1", false],
	[{ "semver-constraint": ">=4.0.0" }, "4.4.019-1", false],
	[{ not: { "semver-constraint": ">=9.0.0" } }, "soon", false],
	[{ not: { gt: 3 } }, "soon", false],
	[
		{ gjson: { "moo.nested": "cow", foo: { "have-prefix": "b" }, "list.#": 2, "list.1": 2 } },
		JSON.stringify({ foo: "bar", moo: { nested: "cow" }, list: [1, 2] }),
		true,
	],
	[{ gjson: { "moo.none": { not: "x" } } }, "{}", false],
	[{ not: { gjson: { "moo.none": "x" } } }, "{}", false],
	[{ or: [{ "have-prefix": "{" }, { gjson: { none: 1 } }] }, "{}", true],
	[{ "contain-element": { gjson: { a: 1 } } }, ["{}", '{"a": 1}'], true],
	[{ gjson: { "a.#.b": ["x", "y"], "a\\.b": 1 } }, '{"a": [{"b": "x"}, {"b": "y"}], "a.b": 1}', true],
])("%j of %j: %j", (expected, actual, outcome) => {
	expect(matches(expected, actual)).toBe(outcome);
});

describe("lists", () => {
	const list = ["group1", "group2", "group3"];
	test.each<[Value, boolean]>([
		[["group1", "group2"], true],
		[["group1", "group2", "group2"], false],
		[[{ "have-prefix": "g" }, "group1"], true],
		[[], true],
		[{ "contain-element": { "have-suffix": "3" } }, true],
		[{ "contain-elements": ["group4"] }, false],
		[{ equal: ["group1", "group2", "group3"] }, true],
		[{ equal: ["group2", "group1", "group3"] }, false],
		[{ "consist-of": ["group3", { "have-prefix": "group" }, "group1"] }, true],
		[{ "consist-of": ["group3", "group1"] }, false],
		// The first test could take either of two, of which the second needs one.
		[{ "consist-of": [{ "have-prefix": "g" }, { "have-prefix": "g" }, "group1"] }, true],
	])("%j: %j", (expected, outcome) => {
		expect(matches(expected, list)).toBe(outcome);
	});

	test("of one element count as that element, and text as its lines", () => {
		expect(matches("a", ["a"])).toBe(true);
		expect(matches({ "consist-of": ["a", "b"] }, "b\na\n")).toBe(true);
	});
});

describe("texts", () => {
	const text = "foo bar\n!string\nGoss\n";
	test.each<[Value, boolean]>([
		[["foo"], true],
		[["foo", "nothing"], false],
		[["!foo"], false],
		[["!nothing"], true],
		[["\\!string"], true],
		[["/^[Gg]oss$/"], true],
		[["!/^o/"], true],
		[["!/^foo/"], false],
		[["/"], false],
		[[], true],
		["foo bar\n!string\nGoss", true],
		["foo", false],
		[{ and: [{ "contain-element": { "match-regexp": "[Gg]oss" } }, { not: { "contain-element": "bar" } }] }, true],
		[{ "have-patterns": ["foo"] }, true],
	])("%j: %j", (expected, outcome) => {
		expect(matcher(expected, "text")(text)).toBe(outcome);
	});
});

test.each<[Value, string, (string | number)[]]>([
	[{ "have-prefx": "a" }, 'unknown matcher "have-prefx" (did you mean have-prefix?)', ["have-prefx"]],
	[{ gt: 1, lt: 2 }, "expected one matcher, got gt, lt", []],
	[{}, "expected one matcher, got none", []],
	[{ and: "a" }, 'expected a list, got "a"', ["and"]],
	[{ and: ["a", { not: { gt: "x" } }] }, 'expected a number, got "x"', ["and", 1, "not", "gt"]],
	[{ "match-regexp": "(" }, 'expected a regular expression, got "("', ["match-regexp"]],
	[{ "have-patterns": ["a", "/(/"] }, 'expected a regular expression, got "/(/"', ["have-patterns", 1]],
	[{ "semver-constraint": "soon" }, 'expected a range of versions, got "soon"', ["semver-constraint"]],
	[{ "semver-constraint": "^1.2.3" }, 'expected a range of versions, got "^1.2.3"', ["semver-constraint"]],
	[
		{ not: { gjson: { 'a.#(b=="x").b': "x" } } },
		'cannot read the path "a.#(b==\\"x\\").b" of gjson',
		["not", "gjson", 'a.#(b=="x").b'],
	],
	[{ gjson: { "a.*": 1 } }, 'cannot read the path "a.*" of gjson', ["gjson", "a.*"]],
	[{ gjson: { "@reverse": 1 } }, 'cannot read the path "@reverse" of gjson', ["gjson", "@reverse"]],
	[{ "have-len": "x" }, 'expected a number, got "x"', ["have-len"]],
])("%j is no matcher", (expected, message, path) => {
	try {
		matcher(expected);
	} catch (error) {
		if (!(error instanceof MatcherError)) throw error;
		expect([error.message, error.path]).toEqual([message, path]);
		return;
	}
	throw new Error("expected an error");
});
