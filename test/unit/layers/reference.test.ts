import { expect, test } from "vitest";
import { didYouMean, nearest, parseReference, requireReference } from "../../../src/layers/reference.ts";

test.each([
	["web", "web", "latest"],
	["web:1.2", "web", "1.2"],
	["team/web", "team/web", "latest"],
	["localhost:5000/web", "localhost:5000/web", "latest"],
	["registry.example.com/team/web:A_b-C", "registry.example.com/team/web", "A_b-C"],
])("%s", (text, name, tag) => {
	expect(parseReference(text)).toEqual({ name, tag });
});

test.each(["", "Web", "web:", "web:.x", "a//b", "../web", "web:a/b/", "-web", "web name", `web:${"x".repeat(129)}`])(
	"%j is no name",
	(text) => {
		expect(parseReference(text)).toBeUndefined();
		expect(() => requireReference(text)).toThrowError("expected an image's name as name[:tag]");
	},
);

test("the nearest names come first, far ones not at all", () => {
	expect(nearest("wbe", ["database", "web", "we"])).toEqual(["web", "we"]);
	expect(didYouMean("webb", ["web"])).toBe("did you mean web?");
	expect(didYouMean("web", ["database"])).toBeUndefined();
});
