import { copyFile, realpath, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Script } from "node:vm";
import { beforeEach, expect, test } from "vitest";
import { run } from "../../../src/system/process.ts";
import { tempDir } from "../system/child.ts";

const CLI = `(function (require, module, __filename, __dirname) {
console.log([__filename, __dirname, require("node:path").sep, process.argv[2]].join("|"));
})`;

let folder: string;
let filename: string;
beforeEach(async () => {
	folder = await realpath(await tempDir());
	filename = join(folder, "cli.js");
	await copyFile(resolve(import.meta.dirname, "../../../scripts/launcher.cjs"), join(folder, "nodebuild.js"));
	await writeFile(join(folder, "package.json"), '{ "type": "commonjs" }');
	await writeFile(filename, CLI);
});

test.each<[string, () => Buffer | string | undefined]>([
	["its compiled code", () => new Script(CLI, { filename }).createCachedData()],
	["code of another text", () => new Script(`${CLI} `, { filename }).createCachedData()],
	["half of it", () => new Script(CLI, { filename }).createCachedData().subarray(0, 200)],
	["rubbish", () => "rubbish"],
	["nothing", () => undefined],
])("the program is run with %s beside it", async (_, cache) => {
	const data = cache();
	if (data !== undefined) await writeFile(`${filename}.cache`, data);
	const { status, stdout, stderr } = await run(process.execPath, [join(folder, "nodebuild.js"), "word"]);
	expect([status, stdout.trim(), stderr]).toEqual([0, `${filename}|${folder}|/|word`, ""]);
});
