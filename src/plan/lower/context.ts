/** What lowering one instruction is given and gives back. */
import type { Digest } from "../../digest.ts";
import { type ErrorCode, messageOf, NodebuildError, type SourceLocation } from "../../errors.ts";
import { type Expand, type Expansion, expander, undefinedVariable } from "../expand.ts";
import type { PlanInput, SourceOption } from "../input.ts";
import type { StageState } from "../state.ts";
import type { CopyRequest, Effect, Env } from "../types.ts";

/** Where `--from` of a COPY or a mount points to. */
export type Source =
	| { readonly kind: "stage"; readonly stage: number }
	| { readonly kind: "named-context"; readonly name: string }
	| { readonly kind: "image"; readonly ref: string };

export interface LowerContext {
	readonly input: PlanInput;
	readonly state: StageState;
	readonly at: SourceLocation;
	/** Values of the global scope: `ARG name` takes its default from here. */
	readonly globals: Env;
	/** Proxies given as build arguments. */
	readonly proxies: Env;
	/** COPY: its `--from`; RUN: the `from` of each mount in turn. */
	readonly sources: readonly (Source | undefined)[];
	/** Digest of what a request copies, stages included. */
	readonly contentOf: (request: CopyRequest, at: SourceLocation, option: SourceOption) => Promise<Digest>;
	/** Digest of the files of Ansible roles. */
	readonly rolesDigest: (names: readonly string[], at: SourceLocation) => Promise<Digest>;
}

export interface Lowered {
	readonly state: StageState;
	readonly effects: readonly Effect[];
	/** The instruction after expansion, for people. */
	readonly title: string;
}

export function expansionOf(context: LowerContext): Expansion {
	const { state, at, input } = context;
	return {
		env: state.env,
		escape: input.source.directives.escape,
		at,
		unmatched: (name) => {
			const warning = undefinedVariable(name, state.env, state.declared, at);
			if (warning !== undefined) input.warn(warning);
		},
	};
}

export const expandIn = (context: LowerContext): Expand => expander(expansionOf(context));

/** A step that changes only the configuration. */
export function configOnly(context: LowerContext, title: string, config: Partial<StageState["config"]>): Lowered {
	const { state } = context;
	return { state: { ...state, config: { ...state.config, ...config } }, effects: [], title };
}

/** `part`: the words at fault, which plan-stage.ts finds in the instruction. */
export function invalid(
	at: SourceLocation,
	message: string,
	hint?: string,
	{ code = "NODEFILE_INVALID", part }: { readonly code?: ErrorCode; readonly part?: string } = {},
): NodebuildError {
	return new NodebuildError({
		code,
		message,
		...(part === undefined ? { at } : { part }),
		...(hint === undefined ? {} : { hint }),
	});
}

/** Runs `check`, and turns what it throws into an error at the words of the instruction. */
export function checked<T>(part: string, subject: string, check: () => T): T {
	try {
		return check();
	} catch (cause) {
		throw new NodebuildError({ code: "NODEFILE_INVALID", message: `${subject}: ${messageOf(cause)}`, part, cause });
	}
}
