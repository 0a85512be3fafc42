/** What a build is asked for, and what it answers. */
import type { Digest } from "../digest.ts";
import type { Emit } from "../events.ts";
import type { LiveMode } from "../layers/live-policy.ts";
import type { Image } from "../layers/types.ts";
import type { OutputRequest, OutputResult } from "../output/types.ts";
import type { Plan } from "../plan/types.ts";
import type { GivenVariable } from "../profiles/types.ts";

export type { LiveMode } from "../layers/live-policy.ts";

export type NamedContext =
	| { readonly kind: "folder"; readonly path: string }
	| { readonly kind: "image"; readonly ref: string };

/** Where the value of a secret comes from: a file (absolute path), or the environment. */
export type SecretSource = { readonly file: string } | { readonly value: string };

/** What `--verify` checks beside nodebuild's own checks. */
export interface SuiteOptions {
	/** Names of suites that come with nodebuild, or files in goss's format. */
	readonly suites?: readonly string[];
	/** Variables of the suites' templates. */
	readonly vars?: Readonly<Record<string, string>>;
	/** Files with variables, YAML or JSON; later ones win, and `vars` over all. */
	readonly varFiles?: readonly string[];
}

export interface BuildOptions extends SuiteOptions {
	/** Path as the user wrote it. */
	readonly nodefile: string;
	/** Folder that COPY takes files from. */
	readonly context: string;
	/** By the name of a further context (--build-context): a folder, absolute, or what FROM would be given. */
	readonly namedContexts?: ReadonlyMap<string, NamedContext>;
	readonly tags: readonly string[];
	readonly buildArgs: Readonly<Record<string, string>>;
	/** Of --var-file, in order; less than `buildArgs`. */
	readonly variables?: readonly GivenVariable[];
	/** What a Nodefile's profile may take variables from; least of all. */
	readonly environment?: Readonly<Record<string, string | undefined>>;
	readonly target?: string;
	readonly noCache: boolean;
	readonly outputs: readonly OutputRequest[];
	/** Bytes; undefined: as the Nodefile says, else DEFAULT_DISK_SIZE. */
	readonly diskSize?: number;
	/** MiB. */
	readonly memory: number;
	readonly cpus: number;
	readonly baseMaps: readonly string[];
	readonly offline: boolean;
	readonly labels: Readonly<Record<string, string>>;
	readonly verify: boolean;
	readonly shellOnError: boolean;
	/** `--secret`, by id; read when a step asks for it. */
	readonly secrets?: ReadonlyMap<string, SecretSource>;
	/** `--ssh`, by id: sockets of agents, or files with private keys. */
	readonly agents?: ReadonlyMap<string, readonly string[]>;
	/** Whether live states are taken and used; default auto. */
	readonly live?: LiveMode;
	/** Folder of the store, absolute. */
	readonly home: string;
	/** "linux/amd64". */
	readonly platform: string;
	/** Nodefiles that led here through their FROM, outermost first; none for the one that the user named. */
	readonly trail?: readonly string[];
	readonly signal: AbortSignal;
	readonly emit: Emit;
}

/** Bytes of an image's disk when nobody says otherwise. */
export const DEFAULT_DISK_SIZE = 10 * 2 ** 30;

export interface VerifyRow {
	readonly name: string;
	/** The suite that it belongs to; undefined: a check of nodebuild's own. */
	readonly suite?: string;
	readonly passed: boolean;
	/** Not looked at; it counts as passed. */
	readonly skipped?: boolean;
	readonly milliseconds: number;
	readonly detail: string;
}

export interface VerifyReport {
	readonly image: string;
	readonly passed: boolean;
	readonly rows: readonly VerifyRow[];
}

export interface BuildResult {
	readonly image: Image;
	/** Nothing had changed: no machine was started. */
	readonly cached: boolean;
	readonly outputs: readonly OutputResult[];
	readonly milliseconds: number;
	readonly verification?: VerifyReport;
}

export type StepState = "cached" | "run" | "config";

export interface PlanReport {
	readonly plan: Plan;
	readonly steps: readonly { readonly title: string; readonly key: Digest; readonly state: StepState }[];
	/** Steps of the stages that have to be built first, as steps of the target copy from them. */
	readonly needed: readonly {
		readonly stage: string;
		readonly title: string;
		readonly key: Digest;
		readonly state: StepState;
	}[];
	readonly base: { readonly ref: string; readonly state: "ready" | "fetch" | "bootstrap" | "build" };
	/** The layer that the machine would start from, in words. */
	readonly start: string;
	readonly image: "exists" | "build";
}

export interface MachineOptions {
	readonly home: string;
	/** MiB. */
	readonly memory: number;
	readonly cpus: number;
	readonly signal: AbortSignal;
	readonly emit: Emit;
}
