/** An ARG whose value names Ansible roles. */
import { withProxies } from "../args.ts";
import type { Effect } from "../types.ts";
import type { LowerContext } from "./context.ts";

/** Nothing where no role is named: such an ARG is like any other, and leaves the key as it was. */
export async function lowerRoles(
	name: string,
	value: string | undefined,
	{ input, state, proxies, at, rolesDigest }: LowerContext,
): Promise<readonly Effect[]> {
	const roles = (value ?? "").split(/\s+/).filter((role) => role !== "");
	if (roles.length === 0 || input.roles?.args.includes(name) !== true) return [];
	const { env, added: unkeyed } = withProxies(state.env, proxies);
	const args = env.map(([key]) => key).filter((key) => state.declared.has(key));
	return [
		{ kind: "ansible", roles, content: await rolesDigest(roles, at), vars: input.roles.vars, env, args, unkeyed },
	];
}
