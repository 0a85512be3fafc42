/** Scripts that tests run in processes of their own, to be killed: TypeScript bundled for the running Node. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { onTestFinished } from "vitest";

/** A folder that goes with the test. */
export async function tempDir(): Promise<string> {
	const path = await mkdtemp(join(tmpdir(), "nodebuild-test-"));
	onTestFinished(() => rm(path, { recursive: true, force: true }));
	return path;
}

/** Bundle a script that imports from the repository's root, as "./src/...". */
export async function bundle(folder: string, source: string): Promise<string> {
	const outfile = join(folder, "child.mjs");
	await build({
		stdin: { contents: source, resolveDir: process.cwd(), loader: "ts" },
		bundle: true,
		platform: "node",
		target: "node20",
		format: "esm",
		// Packages stay where they are; the output lies outside of the repository.
		banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
		outfile,
		logLevel: "error",
	});
	return outfile;
}

export interface Child {
	readonly process: ChildProcess;
	/** Status or the name of the signal, when it has ended. */
	readonly ended: Promise<number | string>;
	/** What it wrote so far. */
	output(): string;
	/** Resolves when its output holds `text`, rejects when it ends before that. */
	says(text: string): Promise<void>;
}

export function start(script: string, args: readonly string[]): Child {
	const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
	let text = "";
	const ended = new Promise<number | string>((resolve) => {
		child.on("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
	});
	const collect = (data: Buffer): void => {
		text += data.toString();
		child.emit("said");
	};
	child.stdout.on("data", collect);
	child.stderr.on("data", collect);
	return {
		process: child,
		ended,
		output: () => text,
		says: (wanted) =>
			new Promise<void>((resolve, reject) => {
				const look = (): void => {
					if (text.includes(wanted)) resolve();
				};
				child.on("said", look);
				child.on("close", () => reject(new Error(`ended without saying ${wanted}: ${text}`)));
				look();
			}),
	};
}
