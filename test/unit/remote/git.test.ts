/** Real repositories, served by git's own http-backend on this host. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ResolvedCopy } from "../../../src/context/index.ts";
import { copyOfGit, type RemoteOptions } from "../../../src/remote/index.ts";
import type { CopyOrigin } from "../../../src/plan/types.ts";
import { site, temporaryFolder, temporaryStore } from "../bases/server.ts";

type GitOrigin = Extract<CopyOrigin, { kind: "git" }>;

const AUTHOR = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=trunk"];

/** CGI, as much as git's program needs (RFC 3875). */
function backend(folder: string) {
	return (request: IncomingMessage, response: ServerResponse): void => {
		const { pathname, search } = new URL(request.url ?? "", "http://host");
		const env = {
			PATH: process.env.PATH,
			GIT_PROJECT_ROOT: folder,
			GIT_HTTP_EXPORT_ALL: "1",
			PATH_INFO: pathname,
			QUERY_STRING: search.slice(1),
			REQUEST_METHOD: request.method,
			CONTENT_TYPE: request.headers["content-type"] ?? "",
			HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
			GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
		};
		const child = spawn("git", ["http-backend"], { env });
		request.pipe(child.stdin);
		const said: Buffer[] = [];
		child.stdout.on("data", (data: Buffer) => said.push(data));
		child.on("close", () => {
			const all = Buffer.concat(said);
			const end = all.indexOf("\r\n\r\n");
			const lines = all.toString("latin1", 0, end).split("\r\n");
			const headers = lines.map((line) => line.split(": ") as [string, string]);
			const status = Number(headers.find(([name]) => name === "Status")?.[1].split(" ")[0] ?? 200);
			response.writeHead(status, Object.fromEntries(headers)).end(all.subarray(end + 4));
		});
	};
}

async function repository() {
	const folder = await temporaryFolder();
	const work = join(folder, "repo.git");
	mkdirSync(work);
	const git = (...args: string[]): string =>
		execFileSync("git", ["-C", work, ...AUTHOR, ...args], {
			encoding: "utf8",
			stdio: ["ignore", "pipe", "ignore"],
		}).trim();
	git("init");
	const commit = (files: Readonly<Record<string, string>>): string => {
		for (const [name, text] of Object.entries(files)) {
			mkdirSync(join(work, name, ".."), { recursive: true });
			writeFileSync(join(work, name), text);
		}
		git("add", "-A");
		git("commit", "-q", "-m", "change");
		return git("rev-parse", "HEAD");
	};
	const { url, requests } = await site(backend(folder));
	const origin: GitOrigin = { kind: "git", remote: `${url}/repo.git/.git`, keepGitDir: false, submodules: true };
	return { git, commit, work, origin, requests };
}

async function options(): Promise<RemoteOptions> {
	return { store: await temporaryStore(), proxy: {}, offline: false };
}

const names = ({ sources }: ResolvedCopy): string[] =>
	sources.flatMap(({ entries }) => entries.map(({ path }) => path)).filter((path) => !path.startsWith(".git/"));

test("a branch, a tag, a commit and a directory of it", { timeout: 120_000 }, async () => {
	const { git, commit, origin } = await repository();
	const first = commit({ a: "1", "sub/b": "1" });
	git("tag", "-a", "v1", "-m", "tagged");
	const second = commit({ c: "2" });
	git("branch", "other", first);
	const shared = await options();
	const ask = (more: Partial<GitOrigin>) => copyOfGit({ ...origin, ...more }, [], shared);
	const head = await ask({});
	expect(names(head)).toEqual(["a", "c", "sub", "sub/b"]);
	for (const ref of ["other", "v1", "refs/tags/v1", "refs/heads/other", first]) {
		expect(names(await ask({ ref }))).toEqual(["a", "sub", "sub/b"]);
	}
	expect((await ask({ ref: "trunk" })).digest).toBe(head.digest);
	expect((await ask({ ref: second })).digest).toBe(head.digest);
	expect((await ask({ ref: "v1" })).digest).toBe((await ask({ ref: first })).digest);
	expect(names(await ask({ subdir: "/sub/../sub" }))).toEqual(["b"]);
	await expect(ask({ ref: "nothing" })).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
	await expect(ask({ subdir: "nowhere" })).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
	await expect(ask({ remote: `${origin.remote}x` })).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
});

test("a checksum is the commit or its beginning, or that of the tag", { timeout: 60_000 }, async () => {
	const { git, commit, origin } = await repository();
	const first = commit({ a: "1" });
	git("tag", "-a", "v1", "-m", "tagged");
	const shared = await options();
	const ask = (more: Partial<GitOrigin>) => copyOfGit({ ...origin, ...more }, [], shared);
	for (const checksum of [first, first.slice(0, 8), git("rev-parse", "v1")]) await ask({ ref: "v1", checksum });
	await expect(ask({ checksum: "0123" })).rejects.toMatchObject({
		code: "SOURCE_CHECKSUM",
		details: ["expected 0123", `got      ${first}`],
	});
	await expect(ask({ ref: first, checksum: "0123" })).rejects.toMatchObject({ code: "SOURCE_CHECKSUM" });
});

test("an unchanged commit is not fetched again; offline it needs nobody", { timeout: 60_000 }, async () => {
	const { commit, origin, requests } = await repository();
	commit({ a: "1" });
	const shared = await options();
	const { digest } = await copyOfGit(origin, [], shared);
	const whole = requests.length;
	await copyOfGit(origin, [], shared);
	const asked = requests.length;
	expect(asked - whole).toBeLessThan(whole);
	expect((await copyOfGit(origin, [], { ...shared, offline: true })).digest).toBe(digest);
	expect(requests.length).toBe(asked);
	await expect(copyOfGit({ ...origin, ref: "x" }, [], { ...shared, offline: true })).rejects.toThrow("--offline");
});

test(".git is left out, or kept as a repository of that commit; --exclude counts", { timeout: 60_000 }, async () => {
	const { commit, origin } = await repository();
	const first = commit({ a: "1", b: "1" });
	const shared = await options();
	expect(names(await copyOfGit(origin, ["b"], shared))).toEqual(["a"]);
	const kept = await copyOfGit({ ...origin, keepGitDir: true }, [], shared);
	const source = kept.sources[0]?.entries.find(({ path }) => path === "a")?.source ?? "";
	const tree = join(source, "..");
	expect(
		execFileSync("git", ["-c", "safe.directory=*", "-C", tree, "rev-parse", "HEAD"], { encoding: "utf8" }).trim(),
	).toBe(first);
	expect(readFileSync(join(tree, ".git/config"), "utf8")).toContain(origin.remote);
	expect(existsSync(join(tree, ".git/FETCH_HEAD"))).toBe(false);
});

test("a symlink in a repository does not lead to files of this host", { timeout: 60_000 }, async () => {
	const { commit, origin, work } = await repository();
	const outside = await temporaryFolder();
	mkdirSync(join(outside, "deep"));
	symlinkSync(outside, join(work, "out"));
	commit({ a: "1" });
	await expect(copyOfGit({ ...origin, subdir: "out/deep" }, [], await options())).rejects.toMatchObject({
		code: "SOURCE_UNAVAILABLE",
	});
	expect(readdirSync(outside)).toEqual(["deep"]);
});
