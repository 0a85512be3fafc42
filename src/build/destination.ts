/** Where the files of a COPY go: the machine's own tree, or that of a stage that is only files. */
import { posix } from "node:path";
import type { Destination as Located } from "../context/index.ts";
import { readAccounts } from "../guest/accounts.ts";
import { quote } from "../guest/command.ts";
import type { Guest } from "../guest/types.ts";
import { resolveOwnerIds } from "../guest/users.ts";
import { inAccess } from "./access.ts";
import { SourceTree } from "./source-tree.ts";
import type { DiskPort } from "./transport.ts";

export interface Owner {
	readonly uid: number;
	readonly gid: number;
}

export interface Destination {
	/** Runs commands where the tree is seen. */
	readonly guest: Guest;
	/** Put before the tree's absolute paths: "" for the machine's own. */
	readonly root: string;
	/** "machine": it is seen by the machine itself; else where our sshd lives. */
	readonly reach: "machine" | "access";
	/** How large archives get there quickly. */
	readonly disks?: DiskPort | undefined;
	/** A path of the tree, symlinks followed. */
	locate(dest: string): Promise<Located>;
	/** Where it most likely is. */
	guess?(dest: string): Guess;
}

/** Where a path most likely is. */
export interface Guess {
	readonly located: Located;
	/**
	 * Shell that prints what `readElsewhere` reads, and ends, where it is not there; with `kind` also where it is a
	 * directory and was thought to be none, or the reverse.
	 */
	check(kind: boolean): string;
}

const ELSEWHERE = "elsewhere: ";

/** Where a path is that was not where it was guessed to be; undefined: it was. */
export function readElsewhere(answer: string): Located | undefined {
	return answer.startsWith(ELSEWHERE) ? readLocated(answer.slice(ELSEWHERE.length)) : undefined;
}

/** Shell that sets $real to the path without symlinks, and $kind to d for a directory, else to -. */
function locateScript(path: string): string {
	return `path=${quote(path)}\nreal=$(readlink -m -- "$path") || real=$path\nkind=-\nif [ -d "$real" ]; then kind=d; fi\n`;
}

function readLocated(answer: string): Located {
	return { destIsDirectory: answer.startsWith("d"), dest: answer.slice(1) };
}

/** The machine's own tree. */
export function machineDestination(guest: Guest, disks?: DiskPort): Destination {
	const parts = (dest: string): { path: string; slash: string } => ({
		path: dest.replace(/\/+$/, "") || "/",
		slash: dest.endsWith("/") && dest !== "/" ? "/" : "",
	});
	const locate = async (dest: string): Promise<Located> => {
		const { path, slash } = parts(dest);
		return readLocated(`${await guest.script(`${locateScript(path)}printf '%s%s' "$kind" "$real"\n`)}${slash}`);
	};
	const guess = (dest: string): Guess => {
		const { path, slash } = parts(dest);
		const located = { dest: `${posix.normalize(path)}${slash}`, destIsDirectory: path === "/" };
		const check = (kind: boolean): string => {
			const alike = kind ? ` && [ $kind = ${located.destIsDirectory ? "d" : "-"} ]` : "";
			const there = `[ "$real" = ${quote(posix.normalize(path))} ]${alike}`;
			const tell = `printf '%s%s%s%s' ${quote(ELSEWHERE)} $kind "$real" ${quote(slash)}; exit 0`;
			return `${locateScript(path)}if ${there}; then :; else ${tell}; fi\n`;
		};
		return { located, check };
	};
	return { guest, root: "", reach: "machine", disks, locate, guess };
}

/** A tree that is mounted at `root` where our sshd lives; its symlinks do not lead out of it. */
export function treeDestination(guest: Guest, root: string): Destination {
	const locate = async (dest: string): Promise<Located> => {
		const slash = dest.endsWith("/") && dest !== "/" ? "/" : "";
		const tree = new SourceTree(root, guest);
		await tree.prefetch([dest], false);
		const { path, node } = await tree.follow(dest);
		return { destIsDirectory: node?.type === "directory", dest: `/${path}${path === "" ? "" : slash}` };
	};
	return { guest: inAccess(guest), root, reach: "access", locate };
}

/** Undefined without --chown. @throws NodebuildError STEP_FAILED for an id that is too large. */
export async function resolveOwner(
	{ guest, root }: Destination,
	chown: string | undefined,
): Promise<Owner | undefined> {
	if (chown === undefined) return undefined;
	// Numbers need no names, so no command in the guest.
	if (/^\d+(:\d*)?$/.test(chown)) return resolveOwnerIds(chown, "", "");
	const { passwd, group } = await readAccounts(guest, root);
	return resolveOwnerIds(chown, passwd, group);
}

/** Directories of the tree, parents first; those that exist stay as they are. */
export async function makeDirectories(
	{ guest, root }: Destination,
	directories: readonly string[],
	owner: Owner,
): Promise<void> {
	if (directories.length === 0) return;
	const lines = directories.map((path) => {
		const word = quote(`${root}${path}`);
		return `[ -d ${word} ] || { mkdir -m 755 -- ${word} && chown ${owner.uid}:${owner.gid} ${word}; } || exit 1`;
	});
	await guest.script(`${lines.join("\n")}\n`);
}
