/** The recorded results of BuildKit, read from where they lie: $NODEBUILD_CONFORMANCE or ../shared/conformance. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

/** A row of shell-envVarTest.json and shell-processWord.json. */
export interface WordRow {
	readonly input: string;
	readonly env: Readonly<Record<string, string>>;
	readonly expect: string | null;
	readonly error: boolean;
}

/** A row of shell-wordsTest.json. */
export interface WordsRow {
	readonly input: string;
	readonly env: Readonly<Record<string, string>>;
	readonly expect: readonly string[];
}

/** A row of parser-golden.json and parser-negative.json (which has no dump). */
export interface GoldenRow {
	readonly name: string;
	readonly text: string;
	readonly dump: string;
}

/** A row of instruction-errors.json. */
export interface ErrorRow {
	readonly name: string;
	readonly dockerfile: string;
	readonly error: string;
}

export interface CorpusHeredoc {
	readonly Name: string;
	readonly Content: string;
	readonly Expand: boolean;
	readonly Chomp: boolean;
	readonly FileDescriptor: number;
}

export interface CorpusNode {
	readonly Dump: string;
	readonly Cmd: string;
	readonly Flags: readonly string[] | null;
	readonly Start: number;
	readonly End: number;
	readonly JSON: boolean;
	readonly Heredocs?: readonly CorpusHeredoc[];
}

/** A line of parser-corpus.jsonl. */
export interface CorpusRow {
	readonly ID: string;
	readonly Text: string;
	readonly ParseErr?: string;
	readonly InstrErr?: string;
	readonly Escape: string;
	readonly Nodes: readonly CorpusNode[] | null;
	/** Each `KEYWORD {json}`, save FROM: `FROM image AS name platform=p`. */
	readonly Typed: readonly string[] | null;
	readonly Warnings?: readonly string[];
}

/** The folder of the recorded results; an error, not a skipped test, when there is none. */
export function conformanceFolder(): string {
	const asked = process.env.NODEBUILD_CONFORMANCE;
	const folder = asked === undefined || asked === "" ? resolve(ROOT, "../shared/conformance") : resolve(asked);
	if (existsSync(join(folder, "vectors"))) return folder;
	throw new Error(
		`expected BuildKit's recorded results in ${folder}, got no folder "vectors" there; ` +
			"put them beside the repository (../shared/conformance) or set NODEBUILD_CONFORMANCE to their folder",
	);
}

export function readJson<Rows>(name: string): Rows {
	return JSON.parse(readFileSync(join(conformanceFolder(), "vectors", name), "utf8")) as Rows;
}

export function readJsonLines<Row>(name: string): Row[] {
	return readFileSync(join(conformanceFolder(), "vectors", name), "utf8")
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line) as Row);
}
