import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseSecret, parseSsh } from "../../../src/cli/secrets.ts";
import { tempDir } from "../system/child.ts";

async function here(env: Readonly<Record<string, string>> = {}) {
	const cwd = await tempDir();
	for (const name of ["file", "key", "other key"]) await writeFile(join(cwd, name), "");
	return { cwd, env };
}

describe("--secret", () => {
	it.each([
		["id=a,src=file", { file: "file" }],
		["id=a,source=file", { file: "file" }],
		["type=file,id=a,src=file", { file: "file" }],
		['"id=a","src=other key"', { file: "other key" }],
		["id=a,env=TOKEN", { value: "t" }],
		["type=env,id=a,src=TOKEN", { value: "t" }],
		["ID=a,ENV=EMPTY", { value: "" }],
	])("%s", async (text, source) => {
		const io = await here({ TOKEN: "t", EMPTY: "" });
		const expected = "file" in source ? { file: join(io.cwd, source.file ?? "") } : source;
		expect(parseSecret(text, io)).toEqual(["a", expected]);
	});

	it("by its id alone is the variable of that name, or else the file", async () => {
		const io = await here({ TOKEN: "t" });
		expect(parseSecret("id=TOKEN", io)).toEqual(["TOKEN", { value: "t" }]);
		expect(parseSecret("id=file", io)).toEqual(["file", { file: join(io.cwd, "file") }]);
	});

	it.each([
		["src=file", "Expected id=NAME"],
		["id=a,src=none", "does not exist"],
		["id=a,env=NONE", "no variable NONE"],
		["id=a,type=vault", "type=file or type=env"],
		["id=a,mode=1", 'Unexpected "mode"'],
		["id=a,src", "Expected src=VALUE"],
		['id="a', "separated by commas"],
	])("refuses %s: %s", async (text, said) => {
		const io = await here();
		expect(() => parseSecret(text, io)).toThrow(said);
	});
});

/** The kernel lets nobody read it, root included. */
const UNREADABLE = "/proc/sys/vm/compact_memory";

it("what cannot be read is refused before anything is done", async () => {
	const io = await here();
	expect(() => parseSecret(`id=a,src=${UNREADABLE}`, io)).toThrow(`The file ${UNREADABLE} cannot be read: EACCES`);
	expect(() => parseSsh(`a=${UNREADABLE}`, io)).toThrow("cannot be read");
});

describe("--ssh", () => {
	it("names the agent of the environment, another one, or keys", async () => {
		const io = await here({ SSH_AUTH_SOCK: "file" });
		const path = (name: string): string => join(io.cwd, name);
		expect(parseSsh("default", io)).toEqual(["default", [path("file")]]);
		expect(parseSsh("work", io)).toEqual(["work", [path("file")]]);
		expect(parseSsh("work=key,other key", io)).toEqual(["work", [path("key"), path("other key")]]);
		expect(() => parseSsh("work=none", io)).toThrow("There is no");
	});

	it("says that no agent runs", async () => {
		const io = await here();
		expect(() => parseSsh("default", io)).toThrow("SSH_AUTH_SOCK is not set");
	});
});
