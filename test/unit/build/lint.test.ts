// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Nodefiles are what is tested here
/** What `nodebuild lint` finds in a folder, with an empty store. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lint } from "../../../src/build/lint.ts";
import type { BuildOptions } from "../../../src/build/types.ts";
import { tempDir } from "../system/child.ts";

async function linted(text: string, files: Readonly<Record<string, string>> = {}, more: Partial<BuildOptions> = {}) {
	const folder = await tempDir();
	await mkdir(join(folder, "logs"));
	for (const [name, content] of Object.entries({ ...files, Nodefile: text }))
		await writeFile(join(folder, name), content);
	const { warnings } = await lint({
		nodefile: join(folder, "Nodefile"),
		context: folder,
		tags: [],
		buildArgs: {},
		noCache: false,
		outputs: [],
		diskSize: 1024 ** 3,
		memory: 512,
		cpus: 1,
		baseMaps: [],
		offline: false,
		labels: {},
		verify: false,
		shellOnError: false,
		home: join(folder, "store"),
		platform: "linux/amd64",
		signal: new AbortController().signal,
		emit: () => undefined,
		...more,
	});
	return warnings.map(({ rule, message, at }) => `${at.line}:${at.column}+${at.length} ${rule}: ${message}`);
}

test("undefined variables, where they stand, with what was probably meant", async () => {
	const text = "FROM debian:12\nENV GREETING=hi\nARG GIVEN\nUSER a\nWORKDIR /a/${GREETNG}/$GREETNG/$GIVEN\n";
	const message = "Usage of undefined variable '$GREETNG' (did you mean $GREETING?)";
	expect(await linted(text)).toEqual([`5:12+10 UndefinedVar: ${message}`]);
	expect(await linted(`# check=skip=UndefinedVar\n${text}`)).toEqual([]);
});

test("also in stages that the last one does not need, unless a target is named", async () => {
	const text = "FROM debian:12 AS a\nUSER $X\nFROM debian:12\nUSER $Y\n";
	expect(await linted(text)).toHaveLength(2);
	expect(await linted(text, {}, { target: "a" })).toEqual(["2:6+2 UndefinedVar: Usage of undefined variable '$X'"]);
});

test("not where an image that is not here may define them", async () => {
	expect(await linted("FROM my-own-worker:1\nUSER $X\n")).toEqual([]);
});

test("sources that the ignore file excludes", async () => {
	const text = "FROM debian:12\nCOPY ./logs/a.log kept /x/\nADD logs/b.log /y\n";
	const found = await linted(text, { ".dockerignore": "**/*.log\n" });
	expect(found).toEqual([
		'2:6+12 CopyIgnoredFile: Attempting to Copy file "./logs/a.log" that is excluded by .dockerignore',
		'3:5+10 CopyIgnoredFile: Attempting to Add file "logs/b.log" that is excluded by .dockerignore',
	]);
	expect(await linted(text, { ".dockerignore": "**/*.log\n!logs/b.log\n" })).toEqual([]);
	expect(await linted(text)).toEqual([]);
});

test("the build argument counts instead of the directive", async () => {
	const text = "# check=skip=all\nFROM debian:12\nMAINTAINER me\n";
	const check = (value: string) => linted(text, {}, { buildArgs: { BUILDKIT_DOCKERFILE_CHECK: value } });
	expect(await linted(text)).toEqual([]);
	expect(await check("skip=UndefinedVar")).toHaveLength(1);
	await expect(check("skpi=all")).rejects.toMatchObject({ code: "USAGE" });
});
