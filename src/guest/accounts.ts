/** The guest's own accounts, read when a step names a user. */
import { quote } from "./command.ts";
import type { Guest } from "./types.ts";
import { type ResolvedUser, resolveUser } from "./users.ts";

const SEPARATOR = "::nodebuild::\n";

export interface Accounts {
	readonly passwd: string;
	readonly group: string;
}

/** `root`: put before the paths of the files. */
export async function readAccounts(guest: Pick<Guest, "script">, root = ""): Promise<Accounts> {
	// A machine without one of them has no names of that kind, as in Docker.
	const [passwdFile, groupFile] = ["passwd", "group"].map((name) => quote(`${root}/etc/${name}`));
	const files = await guest.script(`cat ${passwdFile}; printf '${SEPARATOR.trim()}\\n'; cat ${groupFile} || :`);
	const [passwd = "", group = ""] = files.split(SEPARATOR);
	return { passwd, group };
}

/** `user[:group]` as USER has it. @throws NodebuildError STEP_FAILED for a name that the guest does not have. */
export async function lookUpUser(guest: Pick<Guest, "script">, spec: string, root = ""): Promise<ResolvedUser> {
	const { passwd, group } = await readAccounts(guest, root);
	return resolveUser(spec, passwd, group);
}
