import { expect, test } from "vitest";
import { parseImageName } from "../../../src/nodefile/image-name.ts";

const digest = `sha256:${"0a".repeat(32)}`;

test.each([
	["app", { name: "app" }],
	["app:1.2", { name: "app", tag: "1.2" }],
	["localhost/a", { name: "localhost/a" }],
	["Registry/a__b", { name: "Registry/a__b" }],
	["10.0.2.2:5000/team/a.b-c:v1", { name: "10.0.2.2:5000/team/a.b-c", tag: "v1" }],
	[`registry.example.org/a@${digest}`, { name: "registry.example.org/a", digest }],
	[`a:1@${digest}`, { name: "a", tag: "1", digest }],
])("%s is a name", (text, parts) => {
	expect(parseImageName(text)).toEqual(parts);
});

test.each([
	"",
	"App",
	"team_/app",
	"a___b",
	"app:",
	"app:-1",
	"host:port/app",
	"-host.org/app",
	"a@sha256:12",
	`${"a".repeat(256)}`,
])("%j is none", (text) => {
	expect(parseImageName(text)).toBeUndefined();
});
