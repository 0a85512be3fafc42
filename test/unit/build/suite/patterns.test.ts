/** What goss's matchers/have_patterns.go answers for the same. */
import { expect, test } from "vitest";
import { linePattern } from "../../../../src/build/suite/patterns.ts";

test.each<[string, string, boolean]>([
	["\\/usr/bin/x", "/usr/bin/x", true],
	["!\\/usr", "/usr", false],
	["!\\/usr", "/opt", true],
	["\\!/usr", "!/usr", true],
	["/usr", "/usr/bin", true],
	["/^$/", "", false],
	["/^$/", "a\n", false],
	["/^$/", "a\n\n", true],
	["/^a$/", "a\r\nb\r\n", true],
	["", "", true],
	["!/^\\Qa.b\\E$/", "axb", true],
])("%j for %j: %j", (pattern, text, outcome) => {
	expect(linePattern(pattern)(text)).toBe(outcome);
});
