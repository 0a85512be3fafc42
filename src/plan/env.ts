/** Environments: names unique, in order of first definition. */
import type { Env } from "./types.ts";

/** Search path of an image that sets none, BuildKit's default for Linux. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function getEnv(env: Env, name: string): string | undefined {
	return env.find(([key]) => key === name)?.[1];
}

export function setEnv(env: Env, name: string, value: string): Env {
	if (!env.some(([key]) => key === name)) return [...env, [name, value]];
	return env.map((entry): Env[number] => (entry[0] === name ? [name, value] : entry));
}

/** `over` on top of `env`. */
export function mergeEnv(env: Env, over: Env): Env {
	return over.reduce((merged: Env, [name, value]) => setEnv(merged, name, value), env);
}

export function withPath(env: Env): Env {
	return getEnv(env, "PATH") === undefined ? setEnv(env, "PATH", DEFAULT_PATH) : env;
}
