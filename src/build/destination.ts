/** Where the files of a COPY go: the machine's own tree, or that of a stage that is only files. */
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
}

/** The machine's own tree. */
export function machineDestination(guest: Guest, disks?: DiskPort): Destination {
	const locate = async (dest: string): Promise<Located> => {
		const slash = dest.endsWith("/") && dest !== "/" ? "/" : "";
		const path = dest.replace(/\/+$/, "") || "/";
		const answer = await guest.script(
			`path=${quote(path)}\nreal=$(readlink -m -- "$path") || real=$path\nif [ -d "$real" ]; then echo d; else echo -; fi\nprintf %s "$real"\n`,
		);
		return { destIsDirectory: answer.startsWith("d"), dest: `${answer.slice(2)}${slash}` };
	};
	return { guest, root: "", reach: "machine", disks, locate };
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
