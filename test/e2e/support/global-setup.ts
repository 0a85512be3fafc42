/**
 * Once per run of the end-to-end tests: the compiled program, a store with the base in it and already booted once, a
 * folder for the tests' files. Each test file has a copy of the store, so that none of them makes or first boots the base
 * again, and several of them run at once.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { BASE, BASE_PREFIX } from "./base.ts";
import { environment, PROGRAM } from "./environment.ts";

declare module "vitest" {
	interface ProvidedContext {
		/** The store that the tests' own are copies of. */
		home: string;
		/** Folder for the tests' own files. */
		work: string;
	}
}

const run = promisify(execFile);

let created: readonly string[] = [];

export async function setup(project: TestProject): Promise<void> {
	const given = process.env.NODEBUILD_E2E_HOME;
	// Beside the store: its files are linked from there.
	const parent = given === undefined || given === "" ? tmpdir() : dirname(resolve(given));
	const work = await mkdtemp(join(parent, "nodebuild-e2e-"));
	created = [work];
	const home = given === undefined || given === "" ? join(work, "home") : resolve(given);
	try {
		await prepare(home, work);
	} catch (error) {
		// vitest calls no teardown when setup has failed.
		await teardown();
		throw error;
	}
	project.provide("home", home);
	project.provide("work", work);
}

export async function teardown(): Promise<void> {
	for (const folder of created) await rm(folder, { recursive: true, force: true });
}

async function prepare(home: string, work: string): Promise<void> {
	if (!existsSync(PROGRAM)) await run(process.execPath, ["scripts/build.mjs"]);
	await nodebuild(home, ["bases", "build", BASE, "--progress", "plain"]);
	// An image of its own keeps the booted base from being pruned, and is the smallest one to try things on.
	const folder = join(work, "warm");
	await mkdir(folder);
	await writeFile(join(folder, "Nodefile"), BASE_PREFIX);
	await nodebuild(home, ["build", "-f", join(folder, "Nodefile"), "-t", "e2e-base", "--progress", "plain"]);
	// In a store that was made elsewhere the machine may not be one that this host can resume.
	await nodebuild(home, ["bases", "warm", BASE, "--progress", "plain"]);
}

async function nodebuild(home: string, args: readonly string[]): Promise<void> {
	try {
		await run(process.execPath, [PROGRAM, ...args], { env: environment(home), maxBuffer: 1 << 26 });
	} catch (error) {
		const said = error instanceof Error && "stderr" in error ? `\n${String(error.stderr)}` : "";
		throw new Error(`expected "nodebuild ${args.join(" ")}" to prepare the end-to-end tests, got:${said}`, {
			cause: error,
		});
	}
}
