/** `nodebuild lint` and `build --check`: what the rules say of a Nodefile. Nothing is fetched, nothing is run. */
import { ignoredPaths } from "../context/index.ts";
import { digestOf } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { SEAL_VERSION } from "../image/seal.ts";
import { parseNodefile } from "../instructions/index.ts";
import type { Nodefile } from "../instructions/types.ts";
import { openStore } from "../layers/store.ts";
import { PREPARE_VERSION } from "../machine/prepare-version.ts";
import { parseText } from "../nodefile/index.ts";
import { settingsOf } from "../nodefile/settings.ts";
import type { NodefileText } from "../nodefile/types.ts";
import { type PlannedBase, type PlanWarning, planBuild } from "../plan/index.ts";
import type { Plan } from "../plan/types.ts";
import { parentLooker } from "./explain.ts";
import { applyProfile } from "./profile.ts";
import { type LintFinding, Linter } from "./linter.ts";
import { readNodefile } from "./nodefile-text.ts";
import { imagesOf } from "./prepare.ts";
import { lookingResolver } from "./roots.ts";
import { type BuildOptions, DEFAULT_DISK_SIZE } from "./types.ts";

export type { LintFinding } from "./linter.ts";

export interface LintReport {
	readonly nodefile: string;
	/** In the order of the text. */
	readonly warnings: readonly LintFinding[];
}

const STAND_IN = digestOf("stand-in");

/** @throws NodebuildError NODEFILE_NOT_FOUND, NODEFILE_SYNTAX, NODEFILE_INVALID, USAGE for an unknown target. */
export async function lint(options: BuildOptions): Promise<LintReport> {
	const source = parseText(await readNodefile(options), options.nodefile);
	const nodefile = parseNodefile(source);
	const linter = new Linter(source, options.buildArgs);
	const found = [...linter.text(nodefile)];
	const plans = await plansOf(nodefile, source, options);
	for (const warning of plans.warnings) {
		if (warning.rule === undefined || warning.at === undefined) options.emit({ type: "warning", ...warning });
		else found.push(...linter.add({ rule: warning.rule, message: warning.message, at: warning.at }));
	}
	for (const finding of ignoredSources(plans.plans, options)) found.push(...linter.add(finding));
	found.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
	return { nodefile: options.nodefile, warnings: found };
}

interface Plans {
	readonly plans: readonly Plan[];
	readonly warnings: readonly PlanWarning[];
}

/** The target's plan, and those of the stages that it does not need, as far as they can be planned. */
async function plansOf(nodefile: Nodefile, source: NodefileText, options: BuildOptions): Promise<Plans> {
	await using store = await openStore(options.home);
	const bases = new StandInBases(lookingResolver(options, store, () => undefined, parentLooker(options, store)));
	const warnings: PlanWarning[] = [];
	const { buildArgs, diskSize } = await applyProfile(settingsOf(source, options.nodefile), options, nodefile);
	const planTarget = (target: string | undefined, warn: (warning: PlanWarning) => void): Promise<Plan> =>
		planBuild(
			{
				nodefile,
				source,
				...(target === undefined ? {} : { target }),
				buildArgs,
				...(options.namedContexts === undefined ? {} : { namedContexts: imagesOf(options.namedContexts) }),
				platform: options.platform,
				diskSize: options.diskSize ?? diskSize ?? DEFAULT_DISK_SIZE,
				prepareVersion: PREPARE_VERSION,
				sealVersion: SEAL_VERSION,
				warn,
			},
			{ base: bases.resolve, copy: async () => STAND_IN, roles: async () => STAND_IN },
		);
	const plans = [await planTarget(options.target, (warning) => warnings.push(warning))];
	for (const { index } of nodefile.stages) {
		if (options.target !== undefined || plans.some(({ stages }) => stages.some((stage) => stage.index === index)))
			continue;
		const own: PlanWarning[] = [];
		const plan = await planTarget(String(index), (warning) => own.push(warning)).catch(passOurs);
		// What a build never comes to may be wrong, as in BuildKit.
		if (plan === undefined) continue;
		plans.push(plan);
		warnings.push(...own.filter(({ rule }) => rule !== undefined));
	}
	// Variables that a base sets are seen only where the base is known.
	return { plans, warnings: bases.unknown ? warnings.filter(({ rule }) => rule !== "UndefinedVar") : warnings };
}

function passOurs(error: unknown): undefined {
	if (!(error instanceof NodebuildError)) throw error;
}

/** What the store and the base map know of a FROM; one that neither knows is stood in for. */
class StandInBases {
	readonly #look: ReturnType<typeof lookingResolver>;
	unknown = false;

	constructor(look: ReturnType<typeof lookingResolver>) {
		this.#look = look;
	}

	readonly resolve = async (ref: string, _platform: string, at: LintFinding["at"]): Promise<PlannedBase> => {
		try {
			return (await this.#look(ref, at)).planned;
		} catch (error) {
			if (error instanceof NodebuildError && error.code === "BASE_MAP_INVALID") throw error;
			passOurs(error);
			this.unknown = true;
			return { ref, digest: STAND_IN, family: "" };
		}
	};
}

/** CopyIgnoredFile. */
function ignoredSources(plans: readonly Plan[], { nodefile, context }: BuildOptions): LintFinding[] {
	const ignored = ignoredPaths(nodefile, context);
	if (ignored === undefined) return [];
	const steps = plans.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
	return steps.flatMap(({ at, effects, title }) =>
		effects.flatMap((effect) => {
			if (effect.kind !== "copy") return [];
			const paths = effect.request.origins.flatMap((origin) => (origin.kind === "context" ? origin.paths : []));
			const verb = title.startsWith("ADD") ? "Add" : "Copy";
			return paths.filter(ignored).map((path) => {
				const message = `Attempting to ${verb} file ${JSON.stringify(path)} that is excluded by .dockerignore`;
				return { rule: "CopyIgnoredFile", message, at: placeOf(path, at) };
			});
		}),
	);
}

/** The path itself, where it stands in the line as it is. */
function placeOf(path: string, at: LintFinding["at"]): LintFinding["at"] {
	const index = at.text.indexOf(path, at.column);
	return index < 0 ? at : { ...at, column: index + 1, length: path.length };
}
