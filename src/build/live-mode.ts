/** Whether a build takes and uses live states. */
import type { BuildOptions } from "./types.ts";

export function takesLive({ live }: Pick<BuildOptions, "live">): boolean {
	return live !== undefined && live !== "never";
}
