import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ignoreFileCandidates, parseIgnoreFile } from "../../../src/context/ignore.ts";
import { PatternList } from "../../../src/context/patterns.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { directoryOf, listing, query, resolveIn } from "./workspace.ts";

function excluded(text: string, path: string): boolean {
	return parseIgnoreFile(text, ".dockerignore").list.match(path).matched;
}

describe("parseIgnoreFile", () => {
	it("reads patterns as ignorefile does", () => {
		const rules = parseIgnoreFile(
			"\ufefftest1\n/test2\r\n/a/file/here\n\nlastfile\n# comment\n # no comment\n! /inverted/abs/path\n",
			".dockerignore",
		);
		expect(rules.list.patterns.map((pattern) => `${pattern.exception ? "!" : ""}${pattern.text}`)).toEqual([
			"test1",
			"test2",
			"a/file/here",
			"lastfile",
			"# no comment",
			"!inverted/abs/path",
		]);
	});

	it.each(["!", " ! ", "[a", "a[]", "x\\"])("refuses the line %j where it stands", (line) => {
		const error = catchError(() => parseIgnoreFile(`ok\n${line}\n`, "sub/.nodeignore"));
		expect(error).toBeInstanceOf(NodebuildError);
		expect(error).toMatchObject({ code: "CONTEXT_INVALID", at: { file: "sub/.nodeignore", line: 2, text: line } });
	});

	it("says which line excludes a path, or a parent of it", () => {
		const rules = parseIgnoreFile("# head\n*.log\nbuild\n!keep.log\n", ".dockerignore");
		expect(rules.explain("a.log")).toBe("line 2 of .dockerignore (*.log)");
		expect(rules.explain("build/x/y")).toBe("line 3 of .dockerignore (build)");
		expect(rules.explain("keep.log")).toBeUndefined();
	});

	it("re-includes by a later exception only", () => {
		expect(excluded("*\n!a\n", "a/b/c")).toBe(false);
		expect(excluded("!a\n*\n", "a")).toBe(true);
		expect(excluded("**/a\n!**/b\n", "x/a/b")).toBe(false);
	});

	it("has the candidates in order", () => {
		expect(ignoreFileCandidates("conf/Nodefile.web", "ctx/")).toEqual([
			"conf/Nodefile.web.dockerignore",
			"conf/Nodefile.web.nodeignore",
			"ctx/.nodeignore",
			"ctx/.dockerignore",
		]);
	});
});

describe("an ignored context", () => {
	it("has re-included files below excluded directories, and their directories only then", async () => {
		const root = directoryOf({
			"docs/a.md": "a",
			"docs/sub/b.md": "b",
			"docs/empty/c.txt": "c",
			"x.txt": "x",
			".i": "docs\n!**/b.md\n",
		});
		expect(listing(await resolveIn(root, query("."), `${root}/.i`))).toEqual([
			": .i, docs, docs/sub, docs/sub/b.md, x.txt",
		]);
	});

	it("says of an excluded source which line excludes it", async () => {
		const root = directoryOf({ "node_modules/m/index.js": "", ".dockerignore": "node_modules\n" });
		await expect(resolveIn(root, query("node_modules/m"), `${root}/.dockerignore`)).rejects.toMatchObject({
			code: "COPY_SOURCE_MISSING",
			message: expect.stringContaining('"/node_modules/m": not found'),
			hint: expect.stringContaining("line 1 of .dockerignore (node_modules)"),
		});
	});

	it("does not look into an excluded directory without need", async () => {
		const root = directoryOf({ "secret/a": "", b: "", ".i": "secret\n!b\n" });
		expect(listing(await resolveIn(root, query("."), `${root}/.i`))).toEqual([": .i, b"]);
	});
});

describe("PatternList", () => {
	const name = fc.constantFrom("a", "b", "ab", "a.b");
	const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
	const part = fc.constantFrom("a", "b", "*", "**", "a*", "?", "[ab]", "a.b", "*.b");
	const pattern = fc
		.tuple(fc.constantFrom("", "!"), fc.array(part, { minLength: 1, maxLength: 3 }))
		.map(([sign, parts]) => sign + parts.join("/"));

	it("decides the same with and without what the parents matched, as long as there are no exceptions", () => {
		fc.assert(
			fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, full) => {
				const list = new PatternList(patterns.filter((each) => !each.startsWith("!")));
				expect(list.walk(full).matched).toBe(list.match(full).matched);
			}),
		);
	});

	it("does not let an exception for a directory undo what it did not exclude, as in BuildKit", () => {
		const list = new PatternList(["a/b", "!a"]);
		expect(list.walk("a/b").matched).toBe(true);
		expect(list.match("a/b").matched).toBe(false);
	});

	it("never prunes a directory in which an exception matches", () => {
		fc.assert(
			fc.property(fc.array(pattern, { maxLength: 5 }), path, name, (patterns, directory, child) => {
				const list = new PatternList(patterns);
				if (!list.walk(directory).matched || list.walk(`${directory}/${child}`).matched) return;
				expect(list.mayExceptBelow(directory)).toBe(true);
			}),
		);
	});
});

function catchError(action: () => unknown): unknown {
	try {
		action();
	} catch (error) {
		return error;
	}
	return undefined;
}
