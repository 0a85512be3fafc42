/** ARGs that a profile says are for Ansible roles: when they become a step, and what is in its key. */
import { describe, expect, test } from "vitest";
import { digestOf } from "../../../src/digest.ts";
import { planToJson } from "../../../src/plan/index.ts";
import { stepKey } from "../../../src/plan/keys.ts";
import type { Effect } from "../../../src/plan/types.ts";
import { type Options, planText, stepsOf, type World } from "./support.ts";

const EFFECT: Effect = {
	kind: "ansible",
	roles: [],
	content: digestOf("files"),
	vars: "",
	env: [],
	args: [],
	unkeyed: [],
};

const roles = { args: ["before", "after"], vars: "" };
const TEXT = 'FROM debian:12\nENV A="1"\nARG size=3\nARG before\nRUN echo\nARG after\n';

const run = (buildArgs: Readonly<Record<string, string>>, more: Options = {}, world: World = {}) =>
	stepsOf(TEXT, { roles, buildArgs, ...more }, world);

/** The key of the step with the roles. */
async function keyOf(buildArgs: Readonly<Record<string, string>>, more: Options = {}, world: World = {}) {
	return (await run(buildArgs, more, world))[2]?.key;
}

test("an ARG that names roles is a step where it stands, with the environment of a RUN in its place", async () => {
	const steps = await run({ before: " one  /srv/two ", http_proxy: "http://p" }, { roles: { ...roles, vars: "a: 1" } });
	expect(steps[2]).toMatchObject({
		title: "ARG before= one  /srv/two ",
		effects: [
			{
				kind: "ansible",
				roles: ["one", "/srv/two"],
				content: digestOf({ names: ["one", "/srv/two"] }),
				vars: "a: 1",
				env: expect.arrayContaining([
					["A", "1"],
					["size", "3"],
					["http_proxy", "http://p"],
				]),
				args: ["size", "before"],
				unkeyed: ["HTTP_PROXY", "http_proxy"],
			},
		],
	});
	expect(steps.map(({ effects }) => effects.length)).toEqual([0, 0, 1, 1, 0]);
});

test("no step and no other key comes of one that names none, or that no profile knows", async () => {
	const plain = await run({}, { roles: { args: [], vars: "" } });
	expect((await run({})).map(({ key }) => key)).toEqual(plain.map(({ key }) => key));
	expect((await run({ before: " " })).every(({ effects }) => effects[0]?.kind !== "ansible")).toBe(true);
	expect((await stepsOf(TEXT, { buildArgs: { before: "one" } }))[2]?.effects).toEqual([]);
});

test("a Nodefile may name roles by itself", async () => {
	const [, step] = await stepsOf("FROM debian:12\nARG X=1\nARG before=one\n", { roles });
	expect(step?.effects).toMatchObject([{ kind: "ansible", roles: ["one"] }]);
});

describe("its key", () => {
	test("is of the roles' names and files, the variables and the ARGs before it", async () => {
		const before = await keyOf({ before: "one" });
		expect(await keyOf({ before: "one" })).toBe(before);
		const others = [
			await keyOf({ before: "two" }),
			await keyOf({ before: "one two" }),
			await keyOf({ before: "one" }, {}, { roles: "changed" }),
			await keyOf({ before: "one" }, { roles: { ...roles, vars: "a: 1" } }),
			await keyOf({ before: "one", size: "4" }),
		];
		expect(new Set([before, ...others]).size).toBe(6);
	});

	test("is of no ARG after it, and of no proxy that nobody declares", async () => {
		const before = await keyOf({ before: "one" });
		expect(await keyOf({ before: "one", after: "two" })).toBe(before);
		expect(await keyOf({ before: "one", http_proxy: "http://p" })).toBe(before);
	});

	test("is the same wherever a role lies", () => {
		const key = (path: string) => stepKey(digestOf("parent"), [{ ...EFFECT, roles: [path] }]);
		expect(key("/a/one")).toBe(key("one"));
		expect(key("/a/one")).not.toBe(key("/a/two"));
	});
});

test("a plan as JSON has the digest of the user's variables, not their text", async () => {
	const { plan } = await planText(TEXT, { roles: { ...roles, vars: "password: x" }, buildArgs: { before: "one" } });
	const json = planToJson(plan);
	expect(json.stages[0]?.steps[2]?.effects).toMatchObject([{ kind: "ansible", vars: digestOf("password: x") }]);
	expect(JSON.stringify(json)).not.toContain("password: x");
});
