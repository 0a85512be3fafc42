import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readVariables } from "../../../src/cli/variables.ts";
import { tempDir } from "../system/child.ts";

async function files(contents: Readonly<Record<string, string>>) {
	const cwd = await tempDir();
	for (const [name, text] of Object.entries(contents)) await writeFile(join(cwd, name), text);
	const io = (env: Readonly<Record<string, string>>) => ({ env, cwd });
	return (names: readonly string[], env: Readonly<Record<string, string>> = {}) => readVariables(names, io(env));
}

test("files of PACKER_VAR_FILES come before those of --var-file", async () => {
	const read = await files({ a: '{"x": 1}', b: '{"x": 2}', c: '{"x": "3", "y": true}' });
	expect(read(["c"], { PACKER_VAR_FILES: "a  b" })).toEqual([
		{ name: "x", value: 1, from: "the file a" },
		{ name: "x", value: 2, from: "the file b" },
		{ name: "x", value: "3", from: "the file c" },
		{ name: "y", value: true, from: "the file c" },
	]);
});

test("variables of a template of Packer's are read, and files that begin with a byte-order mark", async () => {
	const read = await files({
		template: '{"variables": {"x": "1", "y": null}, "builders": []}',
		plain: '{"variables": "text"}',
		marked: '\uFEFF{"x": 1}',
	});
	const values = (name: string) => Object.fromEntries(read([name]).map((variable) => [variable.name, variable.value]));
	expect(values("template")).toEqual({ x: "1", y: null, builders: [] });
	expect(values("plain")).toEqual({ variables: "text" });
	expect(values("marked")).toEqual({ x: 1 });
});

test.each([
	["[1]", /to be a JSON object of variables: it holds a list/],
	["{", /to be a JSON object of variables: /],
])("%s is no file of variables", async (text, message) => {
	const read = await files({ a: text });
	expect(() => read(["a"])).toThrow(message);
});
