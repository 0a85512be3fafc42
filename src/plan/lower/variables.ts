/** ARG, ENV and LABEL. */
import type { ArgInstruction, EnvInstruction, LabelInstruction } from "../../instructions/types.ts";
import { buildArg } from "../args.ts";
import { getEnv, setEnv } from "../env.ts";
import type { StageState } from "../state.ts";
import type { Effect } from "../types.ts";
import { lowerRoles } from "./roles.ts";
import { configOnly, expandIn, type LowerContext, type Lowered } from "./context.ts";

/**
 * `ARG name[=default] ...`: a build argument beats the default, a missing default is looked for in
 * the global scope. Each default sees the arguments before it; names are not expanded. One that the profile says is for
 * Ansible roles has them run.
 */
export async function lowerArg(instruction: ArgInstruction, context: LowerContext): Promise<Lowered> {
	let state: StageState = context.state;
	const effects: Effect[] = [];
	const titles: string[] = [];
	for (const { key, value } of instruction.args) {
		const resolved =
			buildArg(context.input, key) ??
			(value === undefined ? getEnv(context.globals, key) : expandIn({ ...context, state })(value));
		state = {
			...state,
			env: resolved === undefined ? state.env : setEnv(state.env, key, resolved),
			declared: new Set([...state.declared, key]),
		};
		titles.push(resolved === undefined ? key : `${key}=${resolved}`);
		effects.push(...(await lowerRoles(key, resolved, { ...context, state })));
	}
	return { state, effects, title: `ARG ${titles.join(" ")}` };
}

/** `ENV key=value ...`: every value sees the environment before the instruction. */
export function lowerEnv(instruction: EnvInstruction, context: LowerContext): Lowered {
	const expand = expandIn(context);
	const vars = instruction.vars.map(({ key, value }) => ({ key: expand(key), value: expand(value) }));
	const { state } = context;
	let env = state.env;
	let configEnv = state.config.env;
	for (const { key, value } of vars) {
		env = setEnv(env, key, value);
		configEnv = setEnv(configEnv, key, value);
	}
	const title = `ENV ${vars.map(({ key, value }) => `${key}=${value}`).join(" ")}`;
	return { state: { ...state, env, config: { ...state.config, env: configEnv } }, effects: [], title };
}

/** `LABEL key=value ...` */
export function lowerLabel(instruction: LabelInstruction, context: LowerContext): Lowered {
	const expand = expandIn(context);
	const pairs = instruction.labels.map(({ key, value }): [string, string] => [expand(key), expand(value)]);
	const labels = { ...context.state.config.labels, ...Object.fromEntries(pairs) };
	return configOnly(context, `LABEL ${pairs.map(([key, value]) => `${key}=${value}`).join(" ")}`, { labels });
}
