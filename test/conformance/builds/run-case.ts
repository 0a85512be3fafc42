/** One recorded build, done again by nodebuild: what comes out differently. */
import { buildUnsealed } from "../../../src/build/build.ts";
import { NodebuildError } from "../../../src/errors.ts";
import type { BuildEvent } from "../../../src/events.ts";
import type { Machine } from "../../../src/machine/types.ts";
import type { Case, CaseInput } from "./cases.ts";
import { compareConfigs, compareTrees } from "./compare.ts";
import { type CaseStore, optionsFor } from "./store.ts";
import { difference, type Difference, type Tree } from "./tree.ts";

/** The base's files, and when they were listed, in seconds of the epoch. */
export interface Base {
	readonly tree: Tree;
	readonly since: number;
}

const NOTHING: Difference = { changed: new Map(), removed: [] };

/** Errors that say that nodebuild or this host failed, not that the Nodefile is wrong. */
const OURS = /^(INTERNAL|UNSUPPORTED|MACHINE_.*|HOST_.*|STORE_.*|BASE_(?!UNKNOWN).*|INTERRUPTED)$/;

/** Lines that say what differs from BuildKit's result; none when nothing does. */
export async function runCase(
	{ truth }: Case,
	input: CaseInput,
	store: CaseStore,
	base: Base,
	signal: AbortSignal,
): Promise<readonly string[]> {
	const said: string[] = [];
	const options = optionsFor(store, { ...input, signal, emit: (event) => note(event, said) });
	try {
		return await buildUnsealed(options, async (plan, machine) => {
			if ("error" in truth) return [`expected an error like "${lastLine(truth.error)}", got a build`];
			const config = plan.stages.find(({ index }) => index === plan.target)?.config;
			if (config === undefined) throw new Error("the plan has no target");
			const found = await look(machine, base);
			return [...compareTrees(found, truth.d, truth.rem, base.tree), ...compareConfigs(config, truth.cfg)];
		});
	} catch (error) {
		if (!(error instanceof NodebuildError)) throw error;
		const text = `${error.code}: ${error.message}${error.at === undefined ? "" : ` (line ${error.at.line})`}`;
		const located = error.at !== undefined || error.code === "USAGE" || error.code === "CONTEXT_INVALID";
		const refused = "error" in truth;
		if (refused && located && !OURS.test(error.code)) return [];
		const wanted = refused ? `a located error like "${lastLine(truth.error)}"` : "a build";
		return [`expected ${wanted}, got ${text}`, ...error.details.slice(-5), ...said.join("").split("\n").slice(-5)];
	} finally {
		await store.reset();
	}
}

/** Without a machine no step has changed a file. */
function look(machine: Machine | undefined, { tree, since }: Base): Promise<Difference> {
	return machine === undefined ? Promise.resolve(NOTHING) : difference(machine.guest, tree, since);
}

function note(event: BuildEvent, said: string[]): void {
	if (event.type === "step-output") said.push(Buffer.from(event.data).toString("utf8"));
}

function lastLine(text: string): string {
	return text.trim().split("\n").at(-1) ?? "";
}
