/** From a Nodefile on disk to a plan: the reading, resolving and digesting that planning asks for. */
import { PREPARE_VERSION } from "../machine/prepare-version.ts";
import type { ResolvedCopy } from "../context/index.ts";
import { type Digest, digestOf } from "../digest.ts";
import { NodebuildError, partOf, type SourceLocation } from "../errors.ts";
import { SEAL_VERSION } from "../image/seal.ts";
import { parseNodefile } from "../instructions/index.ts";
import type { Store } from "../layers/store.ts";
import { parseText } from "../nodefile/index.ts";
import { settingsOf } from "../nodefile/settings.ts";
import {
	declaredNames,
	type PlanInput,
	type PlannedBase,
	type PlanResolvers,
	type PlanWarning,
	planBuild,
	type SourceOption,
} from "../plan/index.ts";
import type { CopyRequest, Plan } from "../plan/types.ts";
import { requireSupported } from "./supported.ts";
import { requireSystemd } from "./systemd.ts";
import { applyProfile } from "./profile.ts";
import { lackOf, RoleFinder } from "./roles.ts";
import type { FoundRoles } from "../ansible/find.ts";
import { CopyFinder } from "./copy-finder.ts";
import { diskSizeOf } from "./disk-size.ts";
import { rootOf } from "./root.ts";
import { readNodefile } from "./nodefile-text.ts";
import { orStage } from "./source-error.ts";
import { Linter } from "./linter.ts";
import type { BuildOptions, NamedContext } from "./types.ts";

export interface RootDisk {
	readonly kind: "bases" | "images";
	/** Under which the store has it. */
	readonly digest: Digest;
	readonly ref: string;
	readonly family: string;
	readonly architecture: string;
	/** Absolute path of the qcow2. */
	readonly disk: string;
	readonly virtualSize: number;
}

export interface Prepared {
	readonly plan: Plan;
	/** What a FROM resolved to, by its reference. */
	readonly roots: ReadonlyMap<string, RootDisk>;
	/** Bytes that the image's disk has at least. */
	readonly diskSize: number;
	/** Names of the ARGs of the Nodefile and of the variables of its profile, and those of the Nodefiles that it is FROM. */
	readonly args: readonly string[];
	/** The files of a COPY. */
	copyOf(request: CopyRequest): Promise<ResolvedCopy>;
	/** Ansible roles by their names. */
	rolesOf(names: readonly string[]): Promise<FoundRoles>;
}

/**
 * `option` is what names it, for messages; default "FROM". `lack` is what the build cannot go on without: it is thrown
 * before anything is fetched, built or booted.
 */
export type ResolveRoot = (
	ref: string,
	at: SourceLocation,
	option?: string,
	lack?: NodebuildError,
) => Promise<RootDisk & { readonly planned: PlannedBase }>;

/** @throws NodebuildError NODEFILE_NOT_FOUND, NODEFILE_SYNTAX, NODEFILE_INVALID and whatever the resolvers throw. */
export async function prepare(options: BuildOptions, store: Store, resolveRoot: ResolveRoot): Promise<Prepared> {
	const text = await readNodefile(options);
	const source = parseText(text, options.nodefile);
	const nodefile = parseNodefile(source);
	const roots = new Map<string, RootDisk>();
	const settings = settingsOf(source, options.nodefile);
	const profiled = await applyProfile(settings, options, nodefile);
	const args = new Set([...declaredNames(nodefile), ...profiled.variables]);
	const copies = new CopyFinder(options, store);
	const diskSize = diskSizeOf(options.diskSize, settings, profiled.diskSize);
	const input = {
		nodefile,
		source,
		...(options.target === undefined ? {} : { target: options.target }),
		buildArgs: profiled.buildArgs,
		platform: options.platform,
		diskSize: diskSize.bytes,
		prepareVersion: PREPARE_VERSION,
		sealVersion: SEAL_VERSION,
		labels: { ...profiled.labels, ...options.labels },
		...(profiled.roles === undefined ? {} : { roles: profiled.roles }),
		...(options.namedContexts === undefined ? {} : { namedContexts: imagesOf(options.namedContexts) }),
		isParent: options.trail !== undefined,
	};
	const roles = new RoleFinder(options);
	const digestRoles = async (names: readonly string[]): Promise<Digest> => (await roles.find(names)).digest;
	const lack = await refuseEarly(input, digestRoles);
	const resolvers = {
		base: async (ref: string, platform: string, at: SourceLocation) => {
			requirePlatform(platform, at);
			const { planned, ...root } = await resolveRoot(ref, at, "FROM", lack);
			requireSystemd(root, at);
			roots.set(planned.ref, root);
			for (const name of planned.args ?? []) args.add(name);
			return planned;
		},
		copy: async (request: CopyRequest, at: SourceLocation, option: SourceOption) => {
			const disks: Digest[] = [];
			for (const origin of request.origins) {
				if (origin.kind !== "image") continue;
				const { planned, ...root } = await resolveRoot(origin.ref, partOf(at, origin.ref), option, lack).catch(
					(error: unknown) => {
						throw orStage(error, origin.ref, nodefile);
					},
				);
				roots.set(origin.ref, root);
				disks.push(planned.digest);
			}
			const origins = request.origins.filter(({ kind }) => kind !== "image");
			if (disks.length === 0) return (await copies.find(request)).digest;
			const files = origins.length === 0 ? undefined : (await copies.find({ ...request, origins })).digest;
			return digestOf({ disks, files });
		},
		roles: digestRoles,
	};
	const linter = new Linter(source, options.buildArgs);
	const warn = (warnings: readonly PlanWarning[]): void => {
		for (const warning of warnings) options.emit({ type: "warning", ...warning });
	};
	warn(linter.text(nodefile));
	// What the text tells is refused before anything is fetched.
	linter.finish();
	const firstPlan = await planBuild({ ...input, warn: (warning) => warn(linter.planned(warning)) }, resolvers);
	linter.finish();
	requireSupported(firstPlan);
	diskSize.requireRoomFor(rootOf({ plan: firstPlan, roots }));
	const epoch = await store.epochs.of(epochName(firstPlan), options.noCache);
	const plan = epoch === undefined ? firstPlan : await planBuild({ ...input, epoch, warn: () => undefined }, resolvers);
	await copies.save();
	return {
		plan,
		roots,
		diskSize: diskSize.bytes,
		args: [...args],
		copyOf: (request) => copies.find(request),
		rolesOf: (names) => roles.find(names),
	};
}

/** For the plan: what stands for an image, by name; undefined for folders. */
export function imagesOf(contexts: ReadonlyMap<string, NamedContext>): ReadonlyMap<string, string | undefined> {
	return new Map([...contexts].map(([name, context]) => [name, context.kind === "image" ? context.ref : undefined]));
}

const STAND_IN = digestOf("stand-in");

/**
 * What cannot be built is refused before anything is fetched: a plan of stand-ins tells. Resolves with what this host
 * lacks, which does not matter where the store has it all.
 */
async function refuseEarly(
	input: Omit<PlanInput, "warn">,
	roles: PlanResolvers["roles"],
): Promise<NodebuildError | undefined> {
	const plan = await planBuild(
		{ ...input, warn: () => undefined },
		{
			base: async (ref, platform, at) => {
				requirePlatform(platform, at);
				return { ref, digest: STAND_IN, family: "" };
			},
			copy: async () => STAND_IN,
			roles,
		},
	);
	requireSupported(plan);
	return lackOf(plan.stages.flatMap(({ steps }) => steps));
}

/** Builds that begin with the same step share an epoch: --no-cache starts a new one for them. */
function epochName(plan: Plan): Digest {
	const stage = plan.stages.find(({ index }) => index === plan.target);
	const first = plan.stages.flatMap(({ steps }) => steps).find(({ effects }) => effects.length > 0);
	return first?.key ?? stage?.rootKey ?? plan.imageKey;
}

function requirePlatform(platform: string, at: SourceLocation): void {
	if (/^linux\/amd64(\/|$)/.test(platform)) return;
	throw new NodebuildError({
		code: "UNSUPPORTED",
		message: `expected the platform linux/amd64, got ${platform}`,
		hint: "machines of other architectures are not supported yet",
		at,
	});
}
