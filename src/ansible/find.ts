/** Ansible roles on this host: where they are, which others they depend on, and a digest of all their files. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { parse } from "yaml";
import { openContext } from "../context/index.ts";
import { type Digest, digestOf, sha256 } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { nearest } from "../nodefile/suggest.ts";
import { readEnvironment } from "../system/env.ts";

export interface FoundRoles {
	/** Folders that roles are looked for in, by name. */
	readonly folders: readonly string[];
	/** Of their files, and of those of the roles that they depend on. */
	readonly digest: Digest;
}

/**
 * Folders that roles are looked for in by name: `roles/` beside each of the Nodefiles, ANSIBLE_ROLES_PATH, and where
 * Ansible itself looks by default.
 */
function roleFolders(nodefiles: readonly string[]): readonly string[] {
	const { ansible, userHome } = readEnvironment();
	return [
		...new Set([
			...nodefiles.map((nodefile) => join(dirname(resolve(nodefile)), "roles")),
			...ansible.rolesPath,
			join(userHome, ".ansible/roles"),
			"/usr/share/ansible/roles",
			"/etc/ansible/roles",
		]),
	];
}

/** @throws NodebuildError CONTEXT_INVALID for a role that is in none of the folders, that is none, or that cannot be read. */
export async function findRoles(names: readonly string[], nodefiles: readonly string[]): Promise<FoundRoles> {
	const folders = roleFolders(nodefiles);
	const paths = names.map((name) => requireRole(locate(name, folders) ?? notFound(name, folders), name));
	const digests = new Map<string, unknown>();
	for (const path of paths) await addDigests(path, folders, digests);
	return { folders, digest: digestOf([...digests.values()]) };
}

function locate(name: string, folders: readonly string[]): string | undefined {
	const candidates = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
	return candidates.find(isFolder);
}

function notFound(name: string, folders: readonly string[]): never {
	const absolute = isAbsolute(name);
	const known = absolute ? [] : folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
	const similar = nearest(name, known);
	throw new NodebuildError({
		code: "CONTEXT_INVALID",
		message: absolute
			? `expected the Ansible role ${name} to be a folder of this host, got none`
			: `expected the Ansible role ${name} to be in one of the folders of roles, got none`,
		details: absolute ? [] : folders,
		hint:
			similar === undefined
				? "put it into roles/ beside the Nodefile, give its absolute path, or set ANSIBLE_ROLES_PATH"
				: `did you mean ${similar}?`,
	});
}

/** docs.ansible.com, "Role directory structure": at least one of these is in a role. */
const PARTS = [
	...["tasks", "handlers", "templates", "files", "vars", "defaults", "meta"],
	...["library", "module_utils", "lookup_plugins", "filter_plugins", "action_plugins"],
];

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
const isRole = (path: string): boolean => PARTS.some((part) => isFolder(join(path, part)));

/** Ansible takes any folder for a role, and runs nothing of one that is none. */
function requireRole(path: string, name: string): string {
	if (isRole(path)) return path;
	const within = readdirSync(path).filter((each) => isFolder(join(path, each)) && isRole(join(path, each)));
	throw new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `expected the Ansible role ${name} to have tasks/ or another of a role's folders, got ${path} without any`,
		hint:
			within.length === 0
				? "name the folder that has the role's tasks/main.yml in it"
				: `name the roles that are in it: ${within.map((each) => join(path, each)).join(" ")}`,
	});
}

/** Depth first; those of dependencies that cannot be found are for Ansible to complain of. */
async function addDigests(path: string, folders: readonly string[], digests: Map<string, unknown>): Promise<void> {
	const real = realpathSync(path);
	if (digests.has(real)) return;
	digests.set(real, { role: basename(path), files: await digestFolder(real) });
	for (const name of dependenciesOf(real)) {
		const found = locate(name, [...folders, dirname(path)]);
		if (found !== undefined) await addDigests(found, folders, digests);
	}
}

/** What git and Python write beside a role's files without changing what it does. */
const NOT_OF_THE_ROLE = ["**/.git", "**/__pycache__", "**/*.pyc"];

/** Paths, types, modes, contents; of links out of the folder what they lead to as well. */
async function digestFolder(root: string, seen: ReadonlySet<string> = new Set()): Promise<unknown> {
	const within = new Set([...seen, root]);
	const context = await openContext({ root });
	const copy = await context.resolve({ paths: ["."], exclude: NOT_OF_THE_ROLE, parents: false, unpack: false });
	const links = copy.sources.flatMap(({ entries }) => entries.filter(({ type }) => type === "symlink"));
	const outside: unknown[] = [];
	for (const { path, source } of links) {
		if (!existsSync(source)) continue;
		const target = realpathSync(source);
		if ([...within].some((folder) => target === folder || target.startsWith(`${folder}/`))) continue;
		if (statSync(target).isFile()) outside.push({ path, file: sha256(readFileSync(target)) });
		else if (!root.startsWith(`${target}/`)) outside.push({ path, folder: await digestFolder(target, within) });
	}
	return outside.length === 0 ? copy.digest : { own: copy.digest, outside };
}

const META = ["main.yml", "main.yaml", "main.json", "main"];

function dependenciesOf(role: string): readonly string[] {
	const file = META.map((name) => join(role, "meta", name)).find((path) => existsSync(path));
	return file === undefined ? [] : namesIn(readFileSync(file, "utf8"));
}

/** Each is a name, or a map with it as `role` or `name`. */
function namesIn(text: string): readonly string[] {
	let meta: unknown;
	try {
		meta = parse(text);
	} catch {
		// Ansible says better what is wrong with it.
		return [];
	}
	const { dependencies = [] } = isRecord(meta) ? meta : {};
	if (!Array.isArray(dependencies)) return [];
	return dependencies.flatMap((one: unknown) => {
		const name = isRecord(one) ? (one.role ?? one.name) : one;
		return typeof name === "string" && name !== "" ? [name] : [];
	});
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
