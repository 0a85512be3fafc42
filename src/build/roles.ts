/** Steps that have Ansible roles run. */
import type { FoundRoles } from "../ansible/find.ts";
import { missingTools } from "../ansible/tools.ts";
import type { NodebuildError } from "../errors.ts";
import type { Stream } from "../events.ts";
import type { Effect, Step } from "../plan/types.ts";

import type { Machine } from "../machine/types.ts";
import type { BuildOptions } from "./types.ts";

type AnsibleEffect = Extract<Effect, { kind: "ansible" }>;

/** Finds the roles of each step once. */
export class RoleFinder {
	readonly #nodefiles: readonly string[];
	readonly #found = new Map<string, Promise<FoundRoles>>();

	/** The Nodefile's own roles are looked at first, then those of the ones that are FROM it. */
	constructor({ nodefile, trail = [] }: Pick<BuildOptions, "nodefile" | "trail">) {
		this.#nodefiles = [nodefile, ...trail.toReversed()];
	}

	find(names: readonly string[]): Promise<FoundRoles> {
		const id = JSON.stringify(names);
		const found = this.#found.get(id) ?? this.#look(names);
		this.#found.set(id, found);
		return found;
	}

	async #look(names: readonly string[]): Promise<FoundRoles> {
		const { findRoles } = await import("../ansible/find.ts");
		return findRoles(names, this.#nodefiles);
	}
}

/** What this host lacks for these steps. */
export function lackOf(steps: readonly Step[]): NodebuildError | undefined {
	const step = steps.find(({ effects }) => effects.some(({ kind }) => kind === "ansible"));
	return step && missingTools()?.located(step.at);
}

/** As the plan has it: with the environment of a RUN in that place, whose arguments the roles get as variables as well. */
export async function runRoles(
	effect: AnsibleEffect,
	{ folders }: FoundRoles,
	{ guest, address }: Machine,
	signal: AbortSignal,
	onOutput: (stream: Stream, data: Uint8Array) => void,
): Promise<number> {
	const { runRoles: run } = await import("../ansible/run.ts");
	const { roles, env, args, vars: userVars } = effect;
	const vars = env.filter(([name]) => args.includes(name));
	return run({ guest, address, roles, folders, env, vars, userVars, signal, onOutput });
}
