/**
 * A plan as JSON, for `nodebuild plan --json` and for tests. The form is described in
 * docs/plan-json.md; members are only ever added, and `formatVersion` is raised if that cannot be kept.
 */
import { type Digest, digestOf } from "../digest.ts";
import type { CommandForm, Healthcheck } from "../instructions/types.ts";
import type { CopyRequest, Effect, Env, ImageConfig, Plan, PlannedMount, StagePlan, StageRoot, Step } from "./types.ts";

export interface PlanJson {
	readonly formatVersion: 1;
	readonly platform: string;
	/** Index of the stage that becomes the image. */
	readonly target: number;
	readonly imageKey: Digest;
	readonly stages: readonly StageJson[];
}

export interface StageJson {
	readonly index: number;
	readonly name?: string;
	readonly root: StageRoot;
	readonly rootKey: Digest;
	readonly needs: readonly number[];
	readonly steps: readonly StepJson[];
	readonly config: ConfigJson;
}

export interface StepJson {
	readonly index: number;
	readonly title: string;
	/** "file:line:column" */
	readonly at: string;
	readonly key: Digest;
	/** Empty: the step changes only the configuration. */
	readonly effects: readonly EffectJson[];
}

export type EffectJson =
	| {
			readonly kind: "exec";
			readonly argv: readonly string[];
			readonly env: readonly string[];
			readonly cwd: string;
			readonly user: string;
			readonly network: string;
			readonly mounts: readonly PlannedMount[];
			readonly pipes: readonly { readonly name: string; readonly content: string }[];
	  }
	| ({ readonly kind: "copy"; readonly content: Digest } & CopyRequest)
	| { readonly kind: "mkdir"; readonly path: string; readonly user: string }
	| {
			readonly kind: "ansible";
			readonly roles: readonly string[];
			readonly content: Digest;
			/** Of the user's variables, which may hold what is not for everybody's eyes. */
			readonly vars: Digest;
			readonly env: readonly string[];
			readonly args: readonly string[];
	  };

/** As ImageConfig, the environment written "NAME=value". */
export interface ConfigJson {
	readonly env: readonly string[];
	readonly user: string;
	readonly workdir: string;
	readonly shell?: readonly string[];
	readonly entrypoint?: CommandForm;
	readonly cmd?: CommandForm;
	readonly exposed: readonly string[];
	readonly volumes: readonly string[];
	readonly labels: Readonly<Record<string, string>>;
	readonly stopSignal?: string;
	readonly healthcheck?: Healthcheck;
	readonly onbuild: readonly string[];
	readonly maintainer?: string;
}

/** Plain data, ready for JSON.stringify; members always in the same order. */
export function planToJson(plan: Plan): PlanJson {
	return {
		formatVersion: 1,
		platform: plan.platform,
		target: plan.target,
		imageKey: plan.imageKey,
		stages: plan.stages.map(stageToJson),
	};
}

function stageToJson(stage: StagePlan): StageJson {
	return {
		index: stage.index,
		...(stage.name === undefined ? {} : { name: stage.name }),
		root: stage.root,
		rootKey: stage.rootKey,
		needs: stage.needs,
		steps: stage.steps.map(stepToJson),
		config: configToJson(stage.config),
	};
}

function stepToJson(step: Step): StepJson {
	return {
		index: step.index,
		title: step.title,
		at: `${step.at.file}:${step.at.line}:${step.at.column}`,
		key: step.key,
		effects: step.effects.map(effectToJson),
	};
}

/** Proxies are left out: they are not part of the plan, and often hold a password. */
function effectToJson(effect: Effect): EffectJson {
	if (effect.kind === "copy") return { kind: "copy", content: effect.content, ...effect.request };
	if (effect.kind === "mkdir") return effect;
	const { unkeyed = [] } = effect;
	const env = variables(effect.env.filter(([name]) => !unkeyed.includes(name)));
	if (effect.kind === "ansible") {
		const { kind, roles, content, vars, args } = effect;
		return { kind, roles, content, vars: digestOf(vars), env, args };
	}
	const { argv, cwd, user, network, mounts, pipes } = effect;
	return { kind: "exec", argv, env, cwd, user, network, mounts, pipes };
}

function configToJson(config: ImageConfig): ConfigJson {
	const labels = Object.fromEntries(Object.entries(config.labels).sort(([a], [b]) => (a < b ? -1 : 1)));
	return {
		env: variables(config.env),
		user: config.user,
		workdir: config.workdir,
		...(config.shell === undefined ? {} : { shell: config.shell }),
		...(config.entrypoint === undefined ? {} : { entrypoint: config.entrypoint }),
		...(config.cmd === undefined ? {} : { cmd: config.cmd }),
		exposed: config.exposed,
		volumes: config.volumes,
		labels,
		...(config.stopSignal === undefined ? {} : { stopSignal: config.stopSignal }),
		...(config.healthcheck === undefined ? {} : { healthcheck: config.healthcheck }),
		onbuild: config.onbuild,
		...(config.maintainer === undefined ? {} : { maintainer: config.maintainer }),
	};
}

function variables(env: Env): string[] {
	return env.map(([name, value]) => `${name}=${value}`);
}
