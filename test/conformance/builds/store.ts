/** Stores for the cases: each begins with the base that has booted once, and nothing of another case stays in it. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { builtinMap } from "../../../src/bases/map.ts";
import type { BuildOptions } from "../../../src/build/types.ts";
import { warmBase } from "../../../src/build/warm.ts";
import { NodebuildError } from "../../../src/errors.ts";

const run = promisify(execFile);

/** The base of the tests, and the names that the recorded cases call their own by. */
const BASE = "debian:12";
const NAMES = ["nb-base:bookworm", "busybox:latest", "busybox:1.31"];

export interface Ground {
	/** Folder of the prepared store. */
	readonly home: string;
	/** A base map in which the cases' names mean our base. */
	readonly baseMap: string;
	remove(): Promise<void>;
}

/** A store in which the base has booted, with its live state: $NODEBUILD_E2E_HOME, or one of our own. */
export async function prepareGround(signal: AbortSignal): Promise<Ground> {
	const work = await mkdtemp(join(tmpdir(), "nodebuild-builds-"));
	const given = process.env.NODEBUILD_E2E_HOME ?? "";
	const home = given === "" ? join(work, "home") : resolve(given);
	const baseMap = join(work, "map.json");
	const entry = builtinMap().bases[BASE];
	if (entry === undefined) throw new Error(`expected ${BASE} in the base map, got ${Object.keys(builtinMap().bases)}`);
	const aliased = { ...entry, aliases: [...entry.aliases, ...NAMES] };
	await writeFile(baseMap, JSON.stringify({ version: 1, bases: { [BASE]: aliased } }));
	const remove = (): Promise<void> => rm(work, { recursive: true, force: true });
	try {
		if (await resumes({ home, baseMap }, work, signal)) return { home, baseMap, remove };
		const besides = { home: join(work, "beside"), baseMap };
		await beside(home, besides.home);
		if (await resumes(besides, work, signal)) return { ...besides, remove };
		throw new Error("expected this host to resume a machine's live state; without one a case takes a minute");
	} catch (error) {
		await remove();
		throw error;
	}
}

/** A store with the same bases and nothing else: for when the machine of this one was booted without a live state. */
async function beside(home: string, own: string): Promise<void> {
	await mkdir(own);
	await run("cp", ["-a", `${home}/bases`, own]);
}

/** Whether builds on the base resume a machine from now on, in copies of the store too. */
async function resumes(store: Pick<Ground, "home" | "baseMap">, work: string, signal: AbortSignal): Promise<boolean> {
	try {
		// With the cache: other tests use this store too.
		await warmBase({ ...optionsFor(store, { nodefile: "", context: work, signal, noCache: false }), ref: BASE });
		return true;
	} catch (error) {
		if (error instanceof NodebuildError && error.code === "MACHINE_START") return false;
		throw error;
	}
}

/** Cases at once: two machines keep a small host busy; more only get in each other's way. */
export const JOBS = Number(process.env.NODEBUILD_CONFORMANCE_JOBS ?? 2);

/** Options as of a command line that says no more than what to build. */
export function optionsFor(
	{ home, baseMap }: Pick<Ground, "home" | "baseMap">,
	build: Pick<BuildOptions, "nodefile" | "context" | "signal"> & Partial<BuildOptions>,
): BuildOptions {
	return {
		tags: [],
		buildArgs: {},
		noCache: true,
		outputs: [],
		diskSize: 10 * 2 ** 30,
		memory: 1024,
		// Its share of the cores: emulated processors that wait for each other's turn waste it.
		cpus: Math.max(1, Math.floor(availableParallelism() / JOBS)),
		baseMaps: [baseMap],
		offline: false,
		labels: {},
		verify: false,
		shellOnError: false,
		live: "auto",
		home,
		platform: "linux/amd64",
		emit: () => undefined,
		...build,
	};
}

export interface CaseStore {
	readonly home: string;
	readonly baseMap: string;
	/** Take away what a case left. */
	reset(): Promise<void>;
	remove(): Promise<void>;
}

/**
 * A store of its own with the files of the prepared one, which are never written again: links, not copies. To a RAM file
 * a symbolic one: another hard link changes its status, and then each case reads all of it again.
 */
export async function caseStore({ home, baseMap }: Ground): Promise<CaseStore> {
	const own = await mkdtemp(`${home}-case-`);
	const remove = (): Promise<void> => rm(own, { recursive: true, force: true });
	const reset = async (): Promise<void> => {
		await remove();
		await mkdir(own, { mode: 0o700 });
		for (const name of await readdir(home)) {
			if (name === "ram") await run("cp", ["-a", "--symbolic-link", join(home, name), own]);
			else if (name === "locks" || name === "tmp") await mkdir(join(own, name), { mode: 0o700 });
			else await run("cp", ["-a", "--link", join(home, name), own]);
		}
	};
	await reset();
	return { home: own, baseMap, reset, remove };
}
