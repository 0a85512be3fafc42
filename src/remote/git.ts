/** ADD of a git repository: resolved to a commit, checked out by the host's git, kept by that commit. */
import { lstat, mkdir, readdir, realpath, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { openContext, type ResolvedCopy } from "../context/index.ts";
import { digestOf } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { CopyOrigin } from "../plan/types.ts";
import { writeFileAtomic } from "../system/files.ts";
import { run } from "../system/process.ts";
import { notFetched, placeOf, type RemoteOptions, readRecord, redacted, use } from "./options.ts";

type GitOrigin = Extract<CopyOrigin, { kind: "git" }>;

const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/**
 * The files of a commit; the copy's digest is that of the commit, not of what git writes beside it.
 * @throws NodebuildError SOURCE_UNAVAILABLE, SOURCE_CHECKSUM, HOST_TOOL_MISSING
 */
export async function copyOfGit(
	origin: GitOrigin,
	exclude: readonly string[],
	options: RemoteOptions,
): Promise<ResolvedCopy> {
	const { remote, subdir, keepGitDir, submodules } = origin;
	await using _lock = await options.store.lock(
		`add:${remote}`,
		options.signal === undefined ? {} : { signal: options.signal },
	);
	const commit = await resolveCommit(origin, options);
	const facts = { commit, subdir: subdir ?? "", keepGitDir, submodules };
	const place = placeOf(options, "git", JSON.stringify({ remote, ...facts }));
	if (!(await use(place))) {
		if (options.offline) throw notFetched(remote);
		await checkOut(origin, commit, place, options);
	}
	const context = await openContext({ root: place });
	const copy = await context.resolve({ paths: ["/"], exclude, parents: false, unpack: false });
	return { ...copy, digest: digestOf({ git: facts }) };
}

async function resolveCommit(origin: GitOrigin, options: RemoteOptions): Promise<string> {
	const { remote, ref, checksum } = origin;
	if (checksum !== undefined && !/^[0-9a-fA-F]+$/.test(checksum))
		throw mismatch(origin, "no commit's hexadecimal digits: how should it match?");
	if (ref !== undefined && COMMIT.test(ref)) {
		if (checksum !== undefined && !ref.startsWith(checksum)) throw mismatch(origin, ref);
		return ref;
	}
	const record = placeOf(options, "ref", JSON.stringify([remote, ref ?? ""]));
	if (options.offline) {
		const commit = (await readRecord(record))?.commit;
		if (commit === undefined) throw notFetched(remote);
		return commit;
	}
	const wanted = ref ?? (await defaultBranch(remote, options));
	const { commit, tag } = await look(remote, wanted, options);
	if (checksum !== undefined && ![commit, tag].some((one) => one?.startsWith(checksum))) {
		throw mismatch(origin, tag === undefined ? commit : `${tag} (a tag of ${commit})`);
	}
	await writeFileAtomic(record, JSON.stringify({ commit }));
	return commit;
}

async function defaultBranch(remote: string, options: RemoteOptions): Promise<string> {
	const answer = await git(["ls-remote", "--symref", "--", remote, "HEAD"], remote, options);
	const branch = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(answer)?.[1];
	if (branch !== undefined) return branch;
	throw unavailable(remote, "a repository without a default branch: name a branch, a tag or a commit");
}

/** Branches come before tags, as git-checkout prefers them; of an annotated tag both digests. */
async function look(
	remote: string,
	ref: string,
	options: RemoteOptions,
): Promise<{ readonly commit: string; readonly tag?: string }> {
	const answer = await git(["ls-remote", "--", remote, ref, `${ref}^{}`], remote, options);
	const found = new Map(answer.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
	const tagName = `refs/tags/${ref.replace(/^refs\/tags\//, "")}`;
	const full = found.get(`refs/${ref.replace(/^refs\//, "")}`);
	const branch = found.get(`refs/heads/${ref.replace(/^refs\/heads\//, "")}`);
	const tag = found.get(tagName);
	const peeled = found.get(`${tagName}^{}`);
	const direct = full === undefined || full === tag ? branch : full;
	if (direct !== undefined) return { commit: direct };
	if (peeled !== undefined && tag !== undefined) return { commit: peeled, tag };
	const commit = tag ?? full;
	if (commit !== undefined) return { commit };
	throw unavailable(remote, `a repository without ${ref}`);
}

/** Work of ours is done under a temporary name; the place is there as a whole or not at all. */
async function checkOut(origin: GitOrigin, commit: string, place: string, options: RemoteOptions): Promise<void> {
	const { remote, ref, subdir, keepGitDir, submodules } = origin;
	await using work = await options.store.workDir();
	const tree = join(work.path, "tree");
	await mkdir(tree, { mode: 0o755 });
	const inTree = (...args: string[]): Promise<string> => git(["-C", tree, ...args], remote, options);
	const format = commit.length === 64 ? ["--object-format=sha256"] : [];
	await inTree("init", "--quiet", ...format);
	await inTree("remote", "add", "origin", remote);
	await fetchCommit(inTree, ref, commit);
	await inTree("checkout", "--quiet", "--detach", commit);
	if (submodules) await inTree("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1");
	const kept = keepGitDir && subdirOf(subdir) === "";
	if (kept) {
		await inTree("remote", "set-url", "origin", redacted(remote));
		await inTree("reflog", "expire", "--all", "--expire=now");
		await rm(join(tree, ".git/FETCH_HEAD"), { force: true });
	} else await removeGitDirs(tree);
	const wanted = join(tree, subdirOf(subdir));
	// A symlink on the way could lead to files of this host.
	const found = await realpath(wanted).catch(() => undefined);
	const top = await realpath(tree);
	if (found !== join(top, subdirOf(subdir)) || !(await lstat(wanted)).isDirectory())
		throw unavailable(remote, `no directory ${subdir ?? ""} in ${commit}`);
	await rm(place, { recursive: true, force: true });
	await rename(wanted, place);
}

/** Below the checkout, whatever it is written with. */
function subdirOf(subdir: string | undefined): string {
	const parts: string[] = [];
	for (const part of (subdir ?? "").split("/")) {
		if (part === "..") parts.pop();
		else if (part !== "" && part !== ".") parts.push(part);
	}
	return parts.join("/");
}

/** Alone and shallow, where the server lets a commit be asked for; else what the name leads to; else everything. */
async function fetchCommit(
	inTree: (...args: string[]) => Promise<string>,
	ref: string | undefined,
	commit: string,
): Promise<void> {
	const name = ref === undefined || COMMIT.test(ref) ? [] : [["--depth=1", "--no-tags", "origin", ref]];
	const tries = [
		["--depth=1", "--no-tags", "origin", commit],
		...name,
		["--tags", "origin", "+refs/*:refs/remotes/origin/*"],
	];
	let failure: unknown;
	for (const args of tries) {
		try {
			await inTree("fetch", "--quiet", ...args);
			await inTree("cat-file", "-e", `${commit}^{commit}`);
			return;
		} catch (error) {
			if (error instanceof NodebuildError && error.code !== "SOURCE_UNAVAILABLE") throw error;
			failure = error;
		}
	}
	throw failure;
}

/** The repository's own, and the files by which submodules name theirs. */
async function removeGitDirs(folder: string): Promise<void> {
	await rm(join(folder, ".git"), { recursive: true, force: true });
	for (const entry of await readdir(folder, { withFileTypes: true })) {
		if (entry.isDirectory()) await removeGitDirs(join(folder, entry.name));
	}
}

/** What the user's configuration says of contents does not count: the same commit gives the same files everywhere. */
const SETTINGS = [
	...["-c", "core.autocrlf=false", "-c", "core.hooksPath=/dev/null", "-c", "init.defaultBranch=master"],
	...["-c", "init.templateDir=", "-c", "advice.detachedHead=false", "-c", "gc.auto=0"],
	...["-c", "core.sshCommand=ssh -o BatchMode=yes"],
];

async function git(args: readonly string[], remote: string, options: RemoteOptions): Promise<string> {
	const { status, stdout, stderr } = await run(
		"sh",
		["-c", 'umask 022; command -v git >/dev/null || exit 127; exec git "$@"', "sh", ...SETTINGS, ...args],
		{
			leashed: true,
			package: "git",
			env: {
				GIT_TERMINAL_PROMPT: "0",
				LC_ALL: "C",
				GIT_PROTOCOL_FROM_USER: "0",
				GIT_ALLOW_PROTOCOL: "http:https:ssh:git",
			},
			...(options.signal === undefined ? {} : { signal: options.signal }),
		},
	).catch((error: unknown) => {
		throw error instanceof NodebuildError && error.code === "HOST_TOOL_MISSING" ? missingGit(error) : error;
	});
	if (status === 0) return stdout;
	throw unavailable(remote, stderr.trim().split("\n").slice(-3).join("; ") || `status ${status} of git`);
}

function missingGit(cause: unknown): NodebuildError {
	return new NodebuildError({
		code: "HOST_TOOL_MISSING",
		message: "the program git is not installed, and ADD of a repository needs it",
		hint: 'install it (Debian and Ubuntu: apt-get install git), then see "nodebuild doctor"',
		cause,
	});
}

function unavailable(remote: string, got: string): NodebuildError {
	return new NodebuildError({
		code: "SOURCE_UNAVAILABLE",
		message: `expected ${redacted(remote)} to give a commit, got ${got.replaceAll(remote, redacted(remote))}`,
		hint: "try it with git ls-remote: nodebuild uses the host's git, its credentials and its ssh agent, and asks for no password",
	});
}

function mismatch({ remote, checksum = "" }: GitOrigin, got: string): NodebuildError {
	return new NodebuildError({
		code: "SOURCE_CHECKSUM",
		message: `expected ${redacted(remote)} to be at the commit that --checksum gives, got another`,
		hint: "look at what changed before you take the new commit over",
		details: [`expected ${checksum}`, `got      ${got}`],
	});
}
