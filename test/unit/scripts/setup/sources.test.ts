import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { needsCompiling, rememberCompiled, sourcesStamp } from "../../../../scripts/setup/sources.mjs";

let root: string;
const put = (path: string, content: string) => writeFile(join(root, path), content);

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), "nodebuild-sources-"));
	for (const folder of ["src/cli", "dist", "node_modules"]) await mkdir(join(root, folder), { recursive: true });
	await put("src/cli/main.ts", "1");
	await put("src/other.ts", "2");
	await put("dist/nodebuild.js", "");
	rememberCompiled(root, sourcesStamp(root));
});
afterEach(() => rm(root, { recursive: true }));

describe("needsCompiling", () => {
	it("not after compiling", () => {
		expect(needsCompiling(root)).toBe(false);
	});

	it("when a source changed, even to an older time", async () => {
		await utimes(join(root, "src/cli/main.ts"), 1000, 1000);
		expect(needsCompiling(root)).toBe(true);
	});

	it("when a source was removed or added", async () => {
		await rm(join(root, "src/other.ts"));
		expect(needsCompiling(root)).toBe(true);
		rememberCompiled(root, sourcesStamp(root));
		await put("src/cli/new.ts", "");
		expect(needsCompiling(root)).toBe(true);
	});

	it("when the packages that are bundled changed", async () => {
		await put("package-lock.json", "{}");
		expect(needsCompiling(root)).toBe(true);
	});

	it("when the program is missing", async () => {
		await rm(join(root, "dist/nodebuild.js"));
		expect(needsCompiling(root)).toBe(true);
	});

	it("never in an installed package, which has no sources", async () => {
		await rm(join(root, "src"), { recursive: true });
		await rm(join(root, "dist"), { recursive: true });
		expect(needsCompiling(root)).toBe(false);
	});
});
