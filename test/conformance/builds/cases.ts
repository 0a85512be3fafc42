/** The recorded builds: their contexts, unpacked, and what BuildKit made of them. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { conformanceFolder } from "../vectors.ts";

const run = promisify(execFile);

/** A file as it is recorded; `mt`, the time, is informative. */
export interface RecordedEntry {
	/** f d l c b p s */
	readonly t: string;
	/** Permissions in octal; a symlink has none. */
	readonly m?: string;
	readonly u: number;
	readonly g: number;
	readonly s?: number;
	/** First 16 digits of the content's SHA-256. */
	readonly h?: string;
	readonly l?: string;
	/** Link count, where it is above 1. */
	readonly n?: number;
	/** Extended attributes, values in hex. */
	readonly x?: Readonly<Record<string, string>>;
}

/** The configuration with Docker's names; what is empty is left out. */
export interface RecordedConfig {
	readonly Env?: readonly string[];
	readonly WorkingDir?: string;
	readonly User?: string;
	readonly Cmd?: readonly string[];
	readonly Entrypoint?: readonly string[];
	readonly ExposedPorts?: readonly string[];
	readonly Labels?: Readonly<Record<string, string>>;
	readonly Volumes?: readonly string[];
	readonly StopSignal?: string;
	readonly Shell?: readonly string[];
	readonly Healthcheck?: { readonly Test: readonly string[] };
	readonly OnBuild?: readonly string[];
}

/** A line of truth.jsonl. */
export type Truth =
	| {
			readonly id: string;
			readonly rc: 0;
			/** What differs from the base, by path. */
			readonly d: Readonly<Record<string, RecordedEntry>>;
			/** Paths of the base that are gone. */
			readonly rem: readonly string[];
			readonly cfg: RecordedConfig;
	  }
	| { readonly id: string; readonly rc: number; readonly error: string };

export interface Case {
	readonly id: string;
	readonly suite: string;
	readonly truth: Truth;
}

/** What meta.json has of a case that a build needs. */
export interface CaseInput {
	/** Absolute paths. */
	readonly context: string;
	readonly nodefile: string;
	readonly buildArgs: Readonly<Record<string, string>>;
	readonly target?: string;
}

/** All cases, or the third of them that CI runs: which one that is follows from their names alone. */
export function readCases(all: boolean): readonly Case[] {
	return readFileSync(join(conformanceFolder(), "truth.jsonl"), "utf8")
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line) as Truth)
		.map((truth) => ({ id: truth.id, suite: truth.id.slice(0, truth.id.indexOf("/")), truth }))
		.filter(({ id }) => all || createHash("sha256").update(id).digest().readUInt32BE() % 3 === 0);
}

/** A folder with every case's own folder in it, as they were recorded: owners and extended attributes need root. */
export async function unpackCases(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
	const folder = await mkdtemp(join(tmpdir(), "nodebuild-cases-"));
	const archive = join(conformanceFolder(), "cases.tar.zst");
	await run("tar", ["--zstd", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", archive, "-C", folder]);
	return { folder: join(folder, "cases"), remove: () => rm(folder, { recursive: true, force: true }) };
}

export function readInput(folder: string, { id }: Case): CaseInput {
	const meta = JSON.parse(readFileSync(join(folder, id, "meta.json"), "utf8")) as {
		context: string;
		dockerfile: string;
		buildArgs: Record<string, string>;
		target: string;
	};
	const context = join(folder, id, meta.context);
	return {
		context,
		nodefile: join(context, meta.dockerfile),
		buildArgs: meta.buildArgs,
		...(meta.target === "" ? {} : { target: meta.target }),
	};
}
