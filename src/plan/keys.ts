/**
 * Keys: digests of everything that may change a result and of nothing else. Names, positions in the
 * text, stage numbers and settings of the machine that do not reach its disk stay out.
 */
import { type Digest, digestOf } from "../digest.ts";
import { basePath } from "./paths.ts";
import type { CopyRequest, Effect, ImageConfig, PlannedMount } from "./types.ts";

/** Raised whenever the meaning of an effect changes, so that old layers are not taken for new ones. */
export const KEY_FORMAT = 1;

export interface BaseKeyInput {
	readonly digest: Digest;
	readonly family: string;
	readonly platform: string;
	readonly diskSize: number;
	readonly prepareVersion: number;
}

/** Key of a base that was booted and prepared for its first step. */
export function baseKey(base: BaseKeyInput): Digest {
	return digestOf({ format: KEY_FORMAT, kind: "base", ...base });
}

/** Key of a stage FROM scratch before its first step. */
export function scratchKey(platform: string): Digest {
	return digestOf({ format: KEY_FORMAT, kind: "scratch", platform });
}

/** Key after a step; a step without effects leaves its parent's key. */
export function stepKey(parent: Digest, effects: readonly Effect[]): Digest {
	if (effects.length === 0) return parent;
	return digestOf({ format: KEY_FORMAT, kind: "step", parent, effects: effects.map(effectInputs) });
}

export interface ImageKeyInput {
	/** Key of the last layer. */
	readonly layer: Digest;
	readonly config: ImageConfig;
	readonly platform: string;
	readonly sealVersion: number;
}

/** Key of the sealed image. */
export function imageKey(image: ImageKeyInput): Digest {
	return digestOf({ format: KEY_FORMAT, kind: "image", ...image });
}

function effectInputs(effect: Effect): unknown {
	switch (effect.kind) {
		case "exec": {
			const { unkeyed = [], ...exec } = effect;
			const env = exec.env.filter(([name]) => !unkeyed.includes(name));
			return { ...exec, env, mounts: exec.mounts.map(mountInputs) };
		}
		case "copy":
			return { kind: effect.kind, content: effect.content, request: requestInputs(effect.request) };
		case "mkdir":
			return effect;
		case "ansible": {
			const { unkeyed, roles, ...ansible } = effect;
			// Where a role lies does not matter, what it is called and what it holds does.
			return { ...ansible, roles: roles.map(basePath), env: ansible.env.filter(([name]) => !unkeyed.includes(name)) };
		}
	}
}

/** `content` says what is mounted; from which stage or under which name does not matter. */
function mountInputs(mount: PlannedMount): unknown {
	const { from: _from, origin, ...rest } = mount;
	return { ...rest, origin: origin?.kind };
}

function requestInputs(request: CopyRequest): unknown {
	return { ...request, origins: request.origins.map(originInputs) };
}

/** `content` of the effect covers what the origin holds; which paths of it are copied counts here. */
function originInputs(origin: CopyRequest["origins"][number]): unknown {
	switch (origin.kind) {
		case "context":
		case "named-context":
		case "stage":
		case "image":
			return { kind: origin.kind, paths: origin.paths };
		case "inline":
		case "url":
		case "git":
			return origin;
	}
}
