/** What a plan is made of, and what it has to ask others for. */
import type { Digest } from "../digest.ts";
import type { SourceLocation } from "../errors.ts";
import type { Nodefile } from "../instructions/types.ts";
import type { Directives } from "../nodefile/types.ts";
import type { CopyRequest, ImageConfig } from "./types.ts";

/** A warning of planning; `rule` is BuildKit's rule name where BuildKit has the rule. */
export interface PlanWarning {
	readonly message: string;
	readonly rule?: string;
	readonly at?: SourceLocation;
}

/** ARGs whose values are Ansible roles that are run where the ARG stands. */
export interface RoleArguments {
	readonly args: readonly string[];
	/** Variables for the roles, YAML or JSON; empty: none. */
	readonly vars: string;
}

export interface PlanInput {
	readonly nodefile: Nodefile;
	/** The text the Nodefile was read from: for messages, and its escape character. */
	readonly source: { readonly file: string; readonly text: string; readonly directives: Directives };
	/** Name of a stage, in any case; undefined: the last one. */
	readonly target?: string;
	/** As given with --build-arg. */
	readonly buildArgs: Readonly<Record<string, string>>;
	/** What is built, "linux/amd64". */
	readonly platform: string;
	/** What builds; undefined: the same as `platform`. */
	readonly buildPlatform?: string;
	/** Of the machine's disk, in bytes; part of the key of the booted base. */
	readonly diskSize: number;
	/** Version of how a base is prepared before its first step; part of the key of the booted base. */
	readonly prepareVersion: number;
	/** Version of how an image is sealed; part of the image's key. */
	readonly sealVersion: number;
	/** Changes the keys of all steps, not those of booted bases: a build without cache starts a new epoch. */
	readonly epoch?: string;
	/**
	 * Names given with --build-context, before stages and images of that name: the image that is meant instead, or
	 * undefined for a folder.
	 */
	readonly namedContexts?: ReadonlyMap<string, string | undefined>;
	/** Labels of the command line, set last on the target. */
	readonly labels?: Readonly<Record<string, string>>;
	/** What of the Nodefile names Ansible roles; its profile says so. */
	readonly roles?: RoleArguments;
	/** Another Nodefile is FROM this one: build arguments that it does not declare are for that one. */
	readonly isParent?: boolean;
	readonly warn: (warning: PlanWarning) => void;
}

/** A base as the plan needs it: identity, family, and the configuration it was built with. */
export interface PlannedBase {
	readonly ref: string;
	readonly digest: Digest;
	readonly family: string;
	/** Bytes: the machine's disk is not smaller. Undefined where the base is not there yet. */
	readonly virtualSize?: number;
	/** Undefined: a base without configuration of its own (a cloud image). */
	readonly config?: ImageConfig;
	/** Names of the ARGs and variables that it was built with, where it was built for this plan. */
	readonly args?: readonly string[];
}

/** Where an instruction says what it takes files from. */
export type SourceOption = "COPY --from" | "RUN --mount=from";

/** The world outside, injected: planning itself reads no file and opens no connection. */
export interface PlanResolvers {
	/** What a FROM means. Asked once for each reference and platform. */
	base(ref: string, platform: string, at: SourceLocation): Promise<PlannedBase>;
	/**
	 * Digest of everything that the request's origins contain. Asked for origins of the kinds
	 * context, named-context, image, url and git only. `option` is what names an image, for messages.
	 */
	copy(request: CopyRequest, at: SourceLocation, option: SourceOption): Promise<Digest>;
	/** Digest of the files of Ansible roles, given by name or absolute path. */
	roles(names: readonly string[], at: SourceLocation): Promise<Digest>;
}
