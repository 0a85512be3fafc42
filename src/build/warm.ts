/** `nodebuild bases warm`: a base booted once, so that builds on it resume instead. */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { NodebuildError } from "../errors.ts";
import { openStore } from "../layers/store.ts";
import { bringUp } from "./bring-up.ts";
import { parentMaker } from "./build.ts";
import { chainOf } from "./chain.ts";
import { CommitQueue } from "./commit.ts";
import { LiveKeeper } from "./live-keeper.ts";
import { prepare } from "./prepare.ts";
import { rootOf } from "./root.ts";
import { rootResolver } from "./roots.ts";
import { findStart, runChain } from "./stage.ts";
import type { StageContext } from "./stage-context.ts";
import type { BuildOptions } from "./types.ts";

export type WarmOptions = Omit<BuildOptions, "nodefile" | "live"> & {
	/** As in FROM; a path is taken from the current folder. */
	readonly ref: string;
};

/**
 * A base, fetched if need be, whose booted machine can be resumed with this memory and these processors.
 * @throws NodebuildError as a build FROM it, and MACHINE_START when the host lets no live state be taken.
 */
export async function warmBase({ ref, ...rest }: WarmOptions): Promise<void> {
	await using store = await openStore(rest.home);
	await using work = await store.workDir();
	const nodefile = join(work.path, "Nodefile");
	await writeFile(nodefile, `FROM ${/^\.{1,2}\//.test(ref) ? resolve(ref) : ref}\n`);
	const options: BuildOptions = { ...rest, nodefile, live: "always" };
	const prepared = await prepare(options, store, rootResolver(options, store, parentMaker(options, store)));
	const chain = chainOf(prepared.plan, prepared.plan.target);
	const context: StageContext = { options, store, prepared, root: rootOf(prepared), told: new Set() };
	const { running, stored } = await runChain(chain, context);
	const keeper = new LiveKeeper(chain, context);
	const up = running ?? (await bringUp(chain, await findStart(store, chain), context, new CommitQueue(store), keeper));
	await using _up = up;
	await stored;
	await store.live.ram.settled();
	if (up.from !== undefined) return;
	throw new NodebuildError({
		code: "MACHINE_START",
		message: `expected a live state of ${ref}, got a machine that was booted: why is said above`,
		hint: "builds on it work, and boot each time",
	});
}
