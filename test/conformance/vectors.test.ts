/** BuildKit's own unit vectors: words, the parser's dumps, refused texts, typed instructions. */
import { describe, expect, test } from "vitest";
import { messageOf, NodebuildError } from "../../src/errors.ts";
import { parseNodefile, writtenKeyword } from "../../src/instructions/index.ts";
import { parseText, processWord, processWords } from "../../src/nodefile/index.ts";
import type { InstructionNode } from "../../src/nodefile/types.ts";
import { dump } from "./dump.ts";
import { recorded, typedOf } from "./typed.ts";
import {
	type CorpusRow,
	type ErrorRow,
	type GoldenRow,
	readJson,
	readJsonLines,
	type WordRow,
	type WordsRow,
} from "./vectors.ts";

/** Rows of the corpus that come out differently, each with its reason; a row that passes must not stand here. */
const KNOWN_DIFFERENCES: Readonly<Record<string, string>> = {
	"buildkit-inline/testDeviceRunEnv": "RUN --device: a machine has no devices of the host; refused before the build",
	"probe/device": "RUN --device: as above; the line is refused for the flag before it is refused for its place",
};

/** Errors of ours that say what BuildKit says in other words. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
	"dockerfile line greater than max allowed size": "line greater than max allowed size",
};

const BACKSLASH = { escape: "\\" } as const;

function lookup(env: Readonly<Record<string, string>>): (name: string) => string | undefined {
	return (name) => (Object.hasOwn(env, name) ? env[name] : undefined);
}

/** The error that `read` throws, which has to be ours; undefined when it throws none. */
function errorOf(read: () => unknown): NodebuildError | undefined {
	try {
		read();
		return undefined;
	} catch (error) {
		if (error instanceof NodebuildError) return error;
		throw error;
	}
}

function inOurWords(message: string): string {
	const found = Object.entries(OTHER_WORDS).find(([theirs]) => message.startsWith(theirs));
	return found === undefined ? message : found[1];
}

describe("words", () => {
	test.each(["shell-envVarTest.json", "shell-processWord.json"])("%s", (file) => {
		for (const row of readJson<WordRow[]>(file)) {
			const expand = () => processWord(row.input, lookup(row.env), BACKSLASH).value;
			if (row.error) expect(errorOf(expand)?.code, row.input).toBe("NODEFILE_INVALID");
			else expect(expand(), row.input).toBe(row.expect);
		}
	});

	test("shell-wordsTest.json", () => {
		for (const row of readJson<WordsRow[]>("shell-wordsTest.json")) {
			const split = () => processWords(row.input, lookup(row.env), BACKSLASH);
			// BuildKit's table writes an expected error as the one word "error".
			if (row.expect.join() === "error") expect(errorOf(split)?.code, row.input).toBe("NODEFILE_INVALID");
			else expect(split(), row.input).toEqual(row.expect);
		}
	});
});

describe("parser", () => {
	test("parser-golden.json", () => {
		for (const row of readJson<GoldenRow[]>("parser-golden.json")) {
			const nodes = parseText(row.text, row.name).nodes;
			expect(nodes.map((node) => `(${dump(node)})\n`).join(""), row.name).toBe(row.dump);
		}
	});

	test("parser-negative.json", () => {
		for (const row of readJson<GoldenRow[]>("parser-negative.json")) {
			const error = errorOf(() => parseText(row.text, row.name));
			expect(error?.code, row.name).toBe("NODEFILE_SYNTAX");
			expect(error?.at?.file, row.name).toBe(row.name);
		}
	});
});

test("instruction-errors.json", () => {
	for (const row of readJson<ErrorRow[]>("instruction-errors.json")) {
		const error = errorOf(() => parseNodefile(parseText(row.dockerfile, "Nodefile")));
		expect(error?.code, row.dockerfile).toBe("NODEFILE_INVALID");
		// BuildKit's own table has the head of the message where one table serves COPY with no argument and with one.
		expect(error?.message, row.dockerfile).toContain(row.error);
		expect(error?.at?.line, row.dockerfile).toBe(1);
		expect(error?.hint, row.dockerfile).toBeDefined();
	}
});

describe("parser-corpus.jsonl", () => {
	const rows = readJsonLines<CorpusRow>("parser-corpus.jsonl");

	test("every text is split and understood as BuildKit does", () => {
		const different = rows.flatMap((row) => {
			const difference = differenceOf(row);
			return difference === undefined ? [] : [[row.ID, difference] as const];
		});
		const unexpected = different.filter(([id]) => !Object.hasOwn(KNOWN_DIFFERENCES, id));
		expect(unexpected).toEqual([]);
		const healed = Object.keys(KNOWN_DIFFERENCES).filter((id) => !different.some(([name]) => name === id));
		expect(healed, "listed as different, but equal").toEqual([]);
		expect(different.length / rows.length).toBeLessThan(0.01);
	});
});

/** What is not as recorded, undefined when everything is. */
function differenceOf(row: CorpusRow): string | undefined {
	try {
		compare(row);
		return undefined;
	} catch (error) {
		return messageOf(error);
	}
}

function compare(row: CorpusRow): void {
	if (row.ParseErr !== undefined) {
		const error = errorOf(() => parseText(row.Text, row.ID));
		expect(error?.code).toBe("NODEFILE_SYNTAX");
		expect(error?.message).toContain(inOurWords(row.ParseErr).replace(/ of 65535$/, ""));
		return;
	}
	const source = parseText(row.Text, row.ID);
	const nodes = (row.Nodes ?? []).map((node) => ({ ...node, Flags: node.Flags ?? [], Heredocs: node.Heredocs ?? [] }));
	expect(source.nodes.map(recordOf)).toEqual(nodes);
	expect(source.directives.escape).toBe(row.Escape);
	expect(source.warnings.map(({ message }) => message)).toEqual(row.Warnings ?? []);
	const typed = row.Typed ?? [];
	const error = errorOf(() => parseNodefile(source));
	if (row.InstrErr !== undefined) {
		const [, line, message] = /^(?:dockerfile parse error on line (\d+): )?([\s\S]*)$/.exec(row.InstrErr) ?? [];
		expect(error?.message).toContain(message);
		if (line !== undefined) expect(error?.at?.line).toBe(Number(line));
	} else if (!typed.some((instruction) => /^from /i.test(instruction))) {
		// BuildKit finds that there is no stage in a later step; the recorded instructions are ARGs alone.
		expect(error?.message).toContain("no stages to build");
	} else {
		expect(error?.message).toBeUndefined();
		expect(typedOf(parseNodefile(source))).toEqual(typed.map(recorded));
	}
}

function recordOf(node: InstructionNode): object {
	return {
		Dump: dump(node),
		Cmd: writtenKeyword(node),
		Flags: node.flags,
		Start: node.range.startLine,
		End: node.range.endLine,
		JSON: node.json,
		Heredocs: node.heredocs.map((heredoc) => ({
			Name: heredoc.name,
			Content: heredoc.raw ?? heredoc.content,
			Expand: heredoc.expand,
			Chomp: heredoc.chomp,
			FileDescriptor: heredoc.fd,
		})),
	};
}
