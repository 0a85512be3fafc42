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

test("of two that are as near, the one with letters in the wrong order wins, whichever comes first", () => {
	expect(nearest("RNU", ["ENV", "RUN"])).toBe("RUN");
	expect(nearest("RNU", ["RUN", "ENV"])).toBe("RUN");
	expect(nearest("evn", ["RUN", "ENV", "ARG"])).toBe("env");
});

test("letters in the wrong order make nothing near that BuildKit does not find", () => {
	expect(nearest("ocyp", ["COPY"])).toBeUndefined();
	expect(nearest("fo", ["FROM", "OF", "FI"])).toBe("fi");
});
