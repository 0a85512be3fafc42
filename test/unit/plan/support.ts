/** Plans of texts, with a world outside that answers by rule. */
import { type Digest, digestOf } from "../../../src/digest.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { parseNodefile } from "../../../src/instructions/index.ts";
import { parseText } from "../../../src/nodefile/index.ts";
import { type PlanInput, type PlanResolvers, type PlanWarning, planBuild } from "../../../src/plan/index.ts";
import { EMPTY_CONFIG, type ImageConfig, type Plan, type Step } from "../../../src/plan/types.ts";

/** Images that were built before, with what they say of themselves. */
const BUILT: Readonly<Record<string, ImageConfig>> = {
	"library/app:1": {
		...EMPTY_CONFIG,
		env: [
			["PATH", "/opt/bin:/bin"],
			["FROM_BASE", "yes"],
		],
		user: "app",
		workdir: "/srv",
		cmd: { form: "exec", argv: ["serve"] },
		labels: { origin: "base" },
		exposed: ["80/tcp"],
		onbuild: ["COPY . /srv/app", "RUN make $FROM_BASE"],
	},
};

export interface World {
	/** Content behind every name of a base; a new text is a new disk. */
	readonly bases?: Readonly<Record<string, string>>;
	/** Content behind every path of the build context. */
	readonly files?: Readonly<Record<string, string>>;
	/** Content behind all Ansible roles. */
	readonly roles?: string;
	readonly asked?: string[];
}

export function resolversOf(world: World = {}): PlanResolvers {
	return {
		base: async (ref, platform, at) => {
			world.asked?.push(`base ${ref} ${platform}`);
			if (ref.startsWith("unknown"))
				throw new NodebuildError({ code: "BASE_UNKNOWN", message: `no base is called "${ref}"`, at });
			const config = BUILT[ref];
			const digest = digestOf({ ref, platform, content: world.bases?.[ref] });
			return { ref, digest, family: "debian", ...(config === undefined ? {} : { config }) };
		},
		copy: async (request): Promise<Digest> => {
			world.asked?.push(`copy ${JSON.stringify(request.origins)}`);
			return digestOf({ origins: request.origins, files: world.files });
		},
		roles: async (names): Promise<Digest> => {
			world.asked?.push(`roles ${names.join(" ")}`);
			return digestOf({ names, roles: world.roles });
		},
	};
}

export type Options = Partial<Omit<PlanInput, "nodefile" | "source" | "warn">>;

export interface Planned {
	readonly plan: Plan;
	readonly warnings: readonly PlanWarning[];
}

export async function planText(text: string, options: Options = {}, world: World = {}): Promise<Planned> {
	const source = parseText(text, "Nodefile");
	const warnings: PlanWarning[] = [];
	const plan = await planBuild(
		{
			nodefile: parseNodefile(source),
			source,
			buildArgs: {},
			platform: "linux/amd64",
			diskSize: 10 * 1024 ** 3,
			prepareVersion: 1,
			sealVersion: 1,
			...options,
			warn: (warning) => warnings.push(warning),
		},
		resolversOf(world),
	);
	return { plan, warnings };
}

/** Steps of the target stage. */
export async function stepsOf(text: string, options: Options = {}, world: World = {}): Promise<readonly Step[]> {
	const { plan } = await planText(text, options, world);
	return plan.stages.at(-1)?.steps ?? [];
}

/** The one exec of a step, or a failure. */
export function execOf(step: Step | undefined) {
	const effect = step?.effects[0];
	if (effect?.kind !== "exec") throw new Error(`expected a step that runs a command, got ${step?.title}`);
	return effect;
}

export function requestOf(step: Step | undefined) {
	const effect = step?.effects[0];
	if (effect?.kind !== "copy") throw new Error(`expected a step that copies, got ${step?.title}`);
	return effect.request;
}

export async function failureOf(text: string, options: Options = {}): Promise<NodebuildError> {
	try {
		await planText(text, options);
	} catch (error) {
		if (error instanceof NodebuildError) return error;
		throw error;
	}
	throw new Error(`expected planning to fail:\n${text}`);
}
