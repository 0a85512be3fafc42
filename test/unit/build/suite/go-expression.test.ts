/** What Go's regexp answers for the same. */
import { expect, test } from "vitest";
import { goExpression } from "../../../../src/build/suite/go-expression.ts";

test.each<[string, string, boolean]>([
	["^\\Q1.34.2-1.1\\E$", "1.34.2-1.1", true],
	["^\\Q1.34.2-1.1\\E$", "1x34.2-1.1", false],
	["\\Qa|b", "a|b", true],
	["\\Qa|b", "a", false],
	["^\\Qab\\E+$", "abb", true],
	["^\\pL+$", "größe", true],
	["^\\p{L}+$", "größe", true],
	["^\\p{Greek}\\p{Nd}$", "λ1", true],
	["\\p{^L}|\\PL", "a", false],
	["^\\x{41}\\x42\\103$", "ABC", true],
	["^[\\x{1F600}-\\x{1F64F}].$", "😀😁", true],
	["^[[:^digit:]]$", "a", true],
	["^[[:^digit:]]$", "1", false],
	["^[^[:^digit:]x]$", "1", true],
	["^[[:punct:][:alpha:]_-]+$", "a-]_", true],
	["^[]a]+$", "a]", true],
	["^[^]a]+$", "]", false],
	["^[a\\-z]+$", "-", true],
	["^[a\\-z]+$", "b", false],
	["^[\\d\\s]+$", "1 2", true],
	["\\s", "\u00a0", false],
	["^[\\S]$", "\u00a0", true],
	["^{}]a{,2}$", "{}]a{,2}", true],
	["^a{2,3}?b{2}$", "aabb", true],
	['^\\-\\_\\/\\@\\"$', '-_/@"', true],
	["(?P<one>a)(?<two>b)", "ab", true],
	["(?i)^A[[:digit:]]\\z", "a1", true],
	["\\Aa$", "a\n", false],
	["(?m)^b$", "a\nb\nc", true],
	["a.b", "a\nb", false],
	["a.b", "a\u2028b", true],
	["(?s)a.b", "a\nb", true],
	["a(?s:.)b.c", "a\nb\nc", false],
	["a(?s).b.c", "a\nb\nc", true],
	["", "", true],
])("%j finds something in %j: %j", (expression, text, outcome) => {
	expect(goExpression(expression).test(text)).toBe(outcome);
});

test.each([
	["a(?=b)", "Go has no (?=: groups are (...), (?:...), (?P<name>...)"],
	["a(?!b)", "Go has no (?!"],
	["(?<=a)b", "Go has no (?<="],
	["(?<!a)b", "Go has no (?<!"],
	["(?>a)", "Go has no (?>"],
	["(?#a)", "Go has no (?#"],
	["(a)\\1", "Go has no escape sequence \\1"],
	["(?P<x>a)\\k<x>", "Go has no escape sequence \\k"],
	["a\\Z", "Go has no escape sequence \\Z"],
	["a\\", "Go has no escape sequence \\"],
	["[\\b]", "Go has no escape sequence \\b"],
	["\\x{110000}", "Go has no escape sequence \\x{110000}"],
	["[[:letter:]]", "Go has no class [:letter:]"],
	["[a", "expected ]"],
	["a{1001}", "Go repeats 1000 times at most, got {1001}"],
	["a(?i:b)", "(?i: is not known here: (?i) stands at the beginning only"],
	["(?U)a+", "(?U) is not known here"],
	["\\p{Klingon}", "Invalid"],
	["a**", "Nothing to repeat"],
	["a)", "Unmatched"],
])("%j is refused", (expression, message) => {
	expect(() => goExpression(expression)).toThrow(SyntaxError);
	expect(() => goExpression(expression)).toThrow(message);
});
