/** Trying again: exponential backoff with jitter. */
import { setTimeout as delay } from "node:timers/promises";

export interface RetryPolicy {
	/** Tries after the first. */
	readonly retries: number;
	/** Milliseconds of the first pause; each further one is twice as long. */
	readonly base: number;
	/** Milliseconds of the longest pause. */
	readonly longest: number;
	readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
	/** 0 to 1. */
	readonly random: () => number;
}

export const DEFAULT_RETRY: RetryPolicy = {
	retries: 5,
	base: 500,
	longest: 20_000,
	sleep: async (milliseconds, signal) => {
		await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
	},
	random: Math.random,
};

/** Milliseconds before try `attempt` (1: the first one after the failure): half fixed, half by chance. */
export function pause(attempt: number, policy: RetryPolicy): number {
	const full = Math.min(policy.longest, policy.base * 2 ** (attempt - 1));
	return Math.round(full / 2 + (full / 2) * policy.random());
}
