import { expect, test } from "vitest";
import { nearest } from "../../../src/nodefile/suggest.ts";

const WORDS = ["FROM", "COPY", "ENTRYPOINT", "USER"];

test.each([
	["FFOM", "FROM"],
	["fntrypoint", "entrypoint"],
	["Usr", "USER"],
	["FOO", "FROM"],
])("%s was meant as %s", (word, meant) => {
	expect(nearest(word, WORDS)).toBe(meant);
});

test("three edits are too many", () => {
	expect(nearest("HEALTH", WORDS)).toBeUndefined();
	expect(nearest("", WORDS)).toBeUndefined();
});

test("an equal word is not what is wrong", () => {
	expect(nearest("user", WORDS)).toBeUndefined();
});

test("the nearest of several wins", () => {
	expect(nearest("chmo", ["chown", "chmod", "chdir"])).toBe("chmod");
});
