/**
 * USER as Docker resolves it (moby/sys/user GetExecUser): names from the guest's own /etc/passwd
 * and /etc/group; a number is always an id, never a name, and one that no entry has is taken as it
 * is, with group 0.
 */
import { NodebuildError } from "../errors.ts";

export interface ResolvedUser {
	readonly uid: number;
	readonly gid: number;
	readonly groups: readonly number[];
	readonly home: string;
}

const NUMBER = /^\d+$/;
/** Docker refuses what an int32 cannot say. */
const LARGEST = 2 ** 31 - 1;

function entries(text: string): string[][] {
	return text
		.split("\n")
		.filter((line) => line !== "" && !line.startsWith("#"))
		.map((line) => line.split(":"));
}

/** @throws NodebuildError STEP_FAILED for a name that the guest does not have. */
export function resolveUser(spec: string, passwd: string, group: string): ResolvedUser {
	const [userPart = "", groupPart] = spec.split(":", 2);
	const wanted = userPart === "" ? "0" : userPart;
	const id = idOf("user", wanted);
	const account = entries(passwd).find(([name, , uid]) => (id === undefined ? name === wanted : Number(uid) === id));
	if (account === undefined && id === undefined) throw unknown("user", wanted, "passwd");
	const uid = id ?? Number(account?.[2]);
	const home = account?.[5] === undefined || account[5] === "" ? "/" : account[5];
	if (groupPart !== undefined && groupPart !== "") {
		return { uid, gid: resolveGroup(groupPart, group), groups: [], home };
	}
	const name = account?.[0];
	const groups =
		name === undefined
			? []
			: entries(group)
					.filter(([, , , members]) => (members ?? "").split(",").includes(name))
					.map(([, , gid]) => Number(gid));
	return { uid, gid: Number(account?.[3] ?? 0), groups, home };
}

/** @throws NodebuildError STEP_FAILED for a name that the guest does not have. */
export function resolveGroup(wanted: string, group: string): number {
	const id = idOf("group", wanted);
	if (id !== undefined) return id;
	const row = entries(group).find(([name]) => name === wanted);
	if (row !== undefined) return Number(row[2]);
	throw unknown("group", wanted, "group");
}

/** Undefined for a name. */
function idOf(what: string, text: string): number | undefined {
	if (!NUMBER.test(text)) return undefined;
	const id = Number(text);
	if (id <= LARGEST) return id;
	throw new NodebuildError({
		code: "STEP_FAILED",
		message: `expected a ${what} id between 0 and ${LARGEST}, got ${text}`,
		hint: `name a ${what} that the machine has, or a smaller number`,
	});
}

function unknown(what: string, name: string, file: string): NodebuildError {
	return new NodebuildError({
		code: "STEP_FAILED",
		message: `unable to find ${what} ${name}: no matching entries in the machine's /etc/${file}`,
		hint: `create it in an earlier step, e.g. RUN ${what === "user" ? "useradd -m" : "groupadd"} ${name}`,
	});
}

/**
 * The owner of what COPY and WORKDIR make, as BuildKit's file operations read it (solver/llbsolver/ops/user_linux.go):
 * a number without a group owns as user and group, whether or not an entry has it; a name that is not found is root.
 */
export function resolveOwnerIds(spec: string, passwd: string, group: string): { uid: number; gid: number } {
	const [userPart = "", groupPart = ""] = spec.split(":", 2);
	const id = userPart === "" ? 0 : idOf("user", userPart);
	const account = id === undefined ? entries(passwd).find(([name]) => name === userPart) : undefined;
	const own = { uid: id ?? Number(account?.[2] ?? 0), gid: id ?? Number(account?.[3] ?? 0) };
	if (groupPart === "") return own;
	const row = entries(group).find(([name]) => name === groupPart);
	return { ...own, gid: idOf("group", groupPart) ?? (row === undefined ? own.gid : Number(row[2])) };
}
