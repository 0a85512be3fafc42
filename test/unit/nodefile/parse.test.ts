/** The corpus in test/conformance compares with BuildKit; here are places, comments and errors. */
import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { locate, parseText } from "../../../src/nodefile/index.ts";

function refusal(text: string): NodebuildError {
	try {
		parseText(text, "Nodefile");
	} catch (error) {
		if (error instanceof NodebuildError) return error;
		throw error;
	}
	throw new Error("accepted");
}

function only(text: string) {
	const [node] = parseText(text, "Nodefile").nodes;
	if (node === undefined) throw new Error("no node");
	return node;
}

describe("ranges", () => {
	test("an instruction reaches from its keyword to the end of its last line, heredocs included", () => {
		const source = parseText("# c\n  RUN a \\\n  b\nCOPY <<E /f\nx\nE\n", "Nodefile");
		expect(source.nodes.map(({ range }) => range)).toEqual([
			{ startLine: 2, startColumn: 2, endLine: 3, endColumn: 3 },
			{ startLine: 4, startColumn: 0, endLine: 6, endColumn: 1 },
		]);
	});

	test("arguments, over continued lines too", () => {
		expect(only("COPY --from=x a \\\n  b /c\n").argRanges).toEqual([
			{ startLine: 1, startColumn: 14, endLine: 1, endColumn: 15 },
			{ startLine: 2, startColumn: 2, endLine: 2, endColumn: 3 },
			{ startLine: 2, startColumn: 4, endLine: 2, endColumn: 6 },
		]);
	});

	test("arguments where dockerfile-ast sees others", () => {
		expect(only('ARG A="b c" D').argRanges).toEqual([
			{ startLine: 1, startColumn: 4, endLine: 1, endColumn: 11 },
			{ startLine: 1, startColumn: 12, endLine: 1, endColumn: 13 },
		]);
		expect(only('CMD ["a", "\\u0062"]').argRanges).toEqual([
			{ startLine: 1, startColumn: 6, endLine: 1, endColumn: 7 },
			undefined,
		]);
	});

	test("arguments of a trigger", () => {
		expect(only("ONBUILD USER root").trigger?.argRanges).toEqual([
			{ startLine: 1, startColumn: 13, endLine: 1, endColumn: 17 },
		]);
	});

	test("as a place for people", () => {
		const source = parseText("\ufeffFROM a\r\n\tUSER root  \r\n", "sub/Nodefile");
		const [first, second] = source.nodes.map((node) => locate(source, node.range));
		expect(first).toEqual({ file: "sub/Nodefile", line: 1, column: 1, text: "FROM a", length: 6 });
		expect(second).toEqual({ file: "sub/Nodefile", line: 2, column: 2, text: "\tUSER root  ", length: 11 });
	});
});

describe("text", () => {
	test("comments directly above, without directives", () => {
		const { nodes } = parseText("# syntax=x\n# far\n\n# near\n#\n# nearest\n  # second\nFROM a\nUSER b", "f");
		expect(nodes.map(({ comments }) => comments)).toEqual([["nearest", "second"], []]);
	});

	test("directives", () => {
		const { directives } = parseText("#syntax=docker/dockerfile:1\n# Check = skip=all \n# escape=`\nFROM a", "f");
		expect(directives).toEqual({ syntax: "docker/dockerfile:1", check: "skip=all", escape: "`" });
	});

	test("an empty line in a continuation is a warning at that line", () => {
		const { warnings } = parseText("FROM a\nRUN b \\\n\n  c", "f");
		expect(warnings).toEqual([
			{
				rule: "NoEmptyContinuation",
				message: "Empty continuation line found in: RUN b   c",
				range: { startLine: 3, startColumn: 0, endLine: 3, endColumn: 0 },
			},
		]);
	});

	test("tabs of <<- are stripped from the content, and kept in raw", () => {
		const [heredoc] = only("RUN <<-E\n\t\ta\n b\n\tE\n").heredocs;
		expect(heredoc).toEqual({ name: "E", fd: 0, expand: true, chomp: true, content: "a\n b\n", raw: "\t\ta\n b\n" });
	});

	test("flags keep characters beyond ASCII", () => {
		expect(only("COPY --exclude=Größe --exclude='à b' a b").flags).toEqual(["--exclude=Größe", "--exclude=à b"]);
	});
});

describe("errors are located", () => {
	test.each([
		["", 1, /no instructions/],
		["FROM a\n\n  ENV B\n", 3, /ENV must have two arguments/],
		["FROM a\nENV A=b C\n", 2, /can't find = in "C"/],
		["FROM a\nRUN x \\\n  <<EOF\n", 2, /unterminated heredoc/],
		["# escape=x\nFROM a", 1, /invalid escape token 'x'/],
		["# escape=`\n# escape=`\nFROM a", 2, /only one escape/],
		['FROM a\nCMD ["a", 1]', 2, /strings only/],
		[`FROM a\nRUN ${"é".repeat(40_000)}`, 2, /greater than max allowed size of 65535/],
		["ONBUILD ".repeat(5_000), 1, /Chaining ONBUILD/],
	])("%#", (text, line, message) => {
		const error = refusal(text);
		expect(error.code).toBe("NODEFILE_SYNTAX");
		expect(error.message).toMatch(message);
		expect(error.at).toMatchObject({ file: "Nodefile", line });
		expect(error.hint).toBeDefined();
	});
});
