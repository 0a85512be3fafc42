/** The profiles that a Nodefile can name; each is loaded only when one does. */
import { NodebuildError, type SourceLocation } from "../errors.ts";
import { nearest } from "../nodefile/suggest.ts";
import type { Profile } from "./types.ts";

export type { FileVariable, GivenVariable, Profile, ProfileInput, ProfileResult } from "./types.ts";

const PROFILES: Readonly<Record<string, () => Promise<Profile>>> = {
	kubernetes: async () => (await import("./kubernetes/index.ts")).kubernetes,
};

/** @throws NodebuildError NODEFILE_INVALID for a name that no profile has. */
export async function findProfile(name: string, at?: SourceLocation): Promise<Profile> {
	const load = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
	if (load !== undefined) return load();
	const names = Object.keys(PROFILES);
	const similar = nearest(name, names);
	throw new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected the profile to be ${names.join(" or ")}, got "${name}"`,
		hint: similar === undefined ? "docs/nodefile.md says what a profile is" : `did you mean ${similar}?`,
		...(at === undefined ? {} : { at }),
	});
}
