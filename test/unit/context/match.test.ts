import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	BadPatternError,
	checkPattern,
	cleanPath,
	confine,
	goMatch,
	hasWildcards,
	splitWildcards,
} from "../../../src/context/match.ts";

describe("goMatch", () => {
	// The cases of Go's path/filepath/match_test.go.
	it.each([
		["abc", "abc", true],
		["*", "abc", true],
		["*c", "abc", true],
		["a*", "a", true],
		["a*", "abc", true],
		["a*", "ab/c", false],
		["a*/b", "abc/b", true],
		["a*/b", "a/c/b", false],
		["a*b*c*d*e*/f", "axbxcxdxe/f", true],
		["a*b*c*d*e*/f", "axbxcxdxexxx/f", true],
		["a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false],
		["a*b*c*d*e*/f", "axbxcxdxexxx/fff", false],
		["a*b?c*x", "abxbbxdbxebxczzx", true],
		["a*b?c*x", "abxbbxdbxebxczzy", false],
		["ab[c]", "abc", true],
		["ab[b-d]", "abc", true],
		["ab[e-g]", "abc", false],
		["ab[^c]", "abc", false],
		["ab[^b-d]", "abc", false],
		["ab[^e-g]", "abc", true],
		["a\\*b", "a*b", true],
		["a\\*b", "ab", false],
		["a?b", "a☺b", true],
		["a[^a]b", "a☺b", true],
		["a???b", "a☺b", false],
		["a[^a][^a][^a]b", "a☺b", false],
		["[a-ζ]*", "α", true],
		["*[a-ζ]", "A", false],
		["a?b", "a/b", false],
		["a*b", "a/b", false],
		["[\\]a]", "]", true],
		["[\\-]", "-", true],
		["[x\\-]", "x", true],
		["[x\\-]", "z", false],
		["*x", "xxx", true],
		["**/x", "a/b/x", false],
		["arr[[]0].txt", "arr[0].txt", true],
	])("%s and %s: %s", (pattern, name, expected) => {
		expect(goMatch(pattern, name)).toBe(expected);
	});

	it.each(["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "[]", "a\\", "[a\\"])(
		"refuses %s",
		(pattern) => {
			expect(() => checkPattern(pattern)).toThrow(BadPatternError);
		},
	);

	it("matches any name by its own escaped text", () => {
		fc.assert(
			fc.property(fc.string({ unit: "grapheme" }), (name) => {
				const escaped = [...name].map((char) => `\\${char}`).join("");
				expect(goMatch(escaped, name)).toBe(true);
				expect(hasWildcards(escaped)).toBe(false);
			}),
		);
	});

	it("answers or refuses any pattern, in time that does not explode", () => {
		const text = fc.string({ unit: fc.constantFrom("*", "?", "[", "]", "^", "-", "\\", "a", "b", "/"), maxLength: 40 });
		fc.assert(
			fc.property(text, text, (pattern, name) => {
				try {
					expect(typeof goMatch(pattern, name)).toBe("boolean");
				} catch (error) {
					expect(error).toBeInstanceOf(BadPatternError);
				}
			}),
		);
	});
});

describe("paths", () => {
	it.each([
		["", "."],
		["a//b/./c/..", "a/b"],
		["../a", "../a"],
		["/../a/", "/a"],
		["/", "/"],
		["a/../..", ".."],
	])("cleans %s to %s", (path, expected) => {
		expect(cleanPath(path)).toBe(expected);
	});

	it.each([
		["../../etc/passwd", "etc/passwd"],
		["./", ""],
		["/a/b/", "a/b"],
	])("confines %s to %s", (path, expected) => {
		expect(confine(path)).toBe(expected);
	});

	it("splits before the first component with a wildcard", () => {
		expect(splitWildcards("a/b*/c")).toEqual(["a", "b*/c"]);
		expect(splitWildcards("a/b")).toEqual(["a/b", ""]);
		expect(splitWildcards("*")).toEqual(["", "*"]);
	});
});
