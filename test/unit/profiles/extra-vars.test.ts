/** ansible_user_vars as `ansible-playbook --extra-vars` of 2.14 reads it. */
import { expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { findProfile } from "../../../src/profiles/index.ts";

const profile = await findProfile("kubernetes");

function varsOf(value: string): unknown {
	const given = [{ name: "ansible_user_vars", value, from: "--build-arg" }];
	return JSON.parse(profile.resolve({ settings: {}, given, declared: [] }).roles?.vars || "{}");
}

test.each<readonly [text: string, vars: unknown]>([
	[String.raw`b="x \"y\" z"`, { b: 'x "y" z' }],
	[String.raw`motd="a\nb"`, { motd: "a\nb" }],
	[String.raw`a=\x41\u00e9\U0001f600\t.`, { a: "Aé😀\t." }],
	[String.raw`a=\d+\.`, { a: String.raw`\d+\.` }],
	[String.raw`a='b\'`, undefined],
	["a=1 \\\n b=2", { a: "1", b: "2" }],
	["a='1\n  2'\nb=3", { a: "1\n  2", b: "3" }],
	["a=1\tb=2", { a: "1\tb=2" }],
	["a={{ x }} b='{{ y }}'", { a: "{{ x }}", b: "{{ y }}" }],
	["a={{{x}}} b=2", { a: "{{{x}}}", b: "2" }],
	["a= b=''", { a: "", b: "" }],
	['"a=1 b=2"', { a: "1", b: "2" }],
	["level 2", undefined],
	["a=1 word", undefined],
	["=1", undefined],
	[String.raw`a\=1`, undefined],
	['x="a y=2', undefined],
	["x={{ a", undefined],
	["x='{{'", undefined],
	["k: v", undefined],
	["[a]", undefined],
	["/etc/vars.yml", undefined],
	["./vars.yml", undefined],
])("%j", (text, vars) => {
	if (vars !== undefined) return expect(varsOf(text)).toEqual(vars);
	expect(() => varsOf(text)).toThrow(NodebuildError);
	expect(() => varsOf(text)).toThrow(/ansible_user_vars \(--build-arg\): expected /);
});

test("says what is wrong without saying any of it", () => {
	expect(() => varsOf("a=1 password secret")).toThrow(/or YAML between { and }, got no = in word 2$/);
	expect(() => varsOf("password: secret")).toThrow(/got no = in word 1$/);
	expect(() => varsOf('password="secret')).toThrow(/quotes and {{ }} to be closed, got one that is open at the end$/);
});
