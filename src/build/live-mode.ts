/** Whether a build takes and uses live states, and which steps forbid it. */
import type { Step } from "../plan/types.ts";
import type { BuildOptions } from "./types.ts";

export function takesLive({ live }: Pick<BuildOptions, "live">): boolean {
	return live !== "never";
}

/**
 * Whether a step brings a secret into the machine, as roles may (from a vault). Its memory may hold it from then on, in
 * pages that nobody has overwritten, even over a reboot from within: no live state is taken of it until another machine
 * is booted.
 */
export function taints({ effects }: Pick<Step, "effects">): boolean {
	return effects.some(
		(effect) =>
			effect.kind === "ansible" ||
			(effect.kind === "exec" && effect.mounts.some(({ type }) => type === "secret" || type === "ssh")),
	);
}
