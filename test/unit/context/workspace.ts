/** Real directories for the context's tests, removed after each. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { afterEach } from "vitest";
import { type CopyQuery, openContext, type ResolvedCopy } from "../../../src/context/index.ts";

const made: string[] = [];

afterEach(() => {
	for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

export function temporaryDirectory(): string {
	const dir = mkdtempSync(join(tmpdir(), "nodebuild-context-"));
	made.push(dir);
	return dir;
}

/** "text" a file, { link } a symlink, { mode, text } a file with a mode, null a directory. */
export type Spec = Readonly<Record<string, string | null | { link: string } | { mode: number; text?: string }>>;

export function directoryOf(spec: Spec): string {
	const root = temporaryDirectory();
	for (const [path, what] of Object.entries(spec)) put(join(root, path), what);
	return root;
}

function put(path: string, what: Spec[string]): void {
	mkdirSync(dirname(path), { recursive: true });
	if (what === null) mkdirSync(path, { recursive: true });
	else if (typeof what === "string") writeFileSync(path, what);
	else if (what !== undefined && "link" in what) symlinkSync(what.link, path);
	else if (what !== undefined && what.text === undefined) {
		mkdirSync(path, { recursive: true });
		chmodSync(path, what.mode);
	} else if (what !== undefined) {
		writeFileSync(path, what.text ?? "");
		chmodSync(path, what.mode);
	}
}

export function query(...paths: string[]): CopyQuery {
	return { paths, exclude: [], parents: false, unpack: false };
}

export async function resolveIn(root: string, asked: CopyQuery, ignoreFile?: string): Promise<ResolvedCopy> {
	const context = await openContext({ root, ignoreFiles: ignoreFile === undefined ? [] : [ignoreFile] });
	return context.resolve(asked);
}

/** Paths of all sources' entries, sorted as they come: "name: path, path". */
export function listing(copy: ResolvedCopy): string[] {
	return copy.sources.map((source) => `${source.name}: ${source.entries.map((entry) => entry.path).join(", ")}`);
}

/** Unpack a stream with the system's tar, as the guest does. */
export async function unpack(stream: Readable, flags: readonly string[] = []): Promise<string> {
	const target = temporaryDirectory();
	const chunks: Uint8Array[] = [];
	for await (const chunk of stream) chunks.push(chunk);
	execFileSync("tar", ["-x", "-p", ...flags, "-C", target], { input: Buffer.concat(chunks) });
	return target;
}
