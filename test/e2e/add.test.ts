/** COPY and ADD on a real machine: what is fetched, what the archive says, attributes, and what is refused. */
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { type Build, outputOf, tryBuild } from "./support/build.ts";
import { makeProject } from "./support/project.ts";

const run = promisify(execFile);
const DATE = "Wed, 21 Oct 2015 07:28:00 GMT";
const LIST =
	"RUN stat -c '%n %a %u:%g %F' /srv/* /srv/tree/* /tmp/open; stat -c %Y /srv/file.txt; cat /srv/page/page; ls -A /srv/repo";

const requests: string[] = [];
let server: Server;
let done: Build;

beforeAll(async () => {
	const site = await makeProject("", { "page/page": "of the repository\n" });
	server = createServer((request, response) => {
		const path = new URL(request.url ?? "", "http://host").pathname;
		requests.push(path);
		const modified = { "last-modified": DATE };
		if (path === "/file.txt" && request.headers["if-modified-since"] === DATE) response.writeHead(304, modified).end();
		else if (path === "/file.txt") response.writeHead(200, modified).end("fetched\n");
		else
			readFile(site.path(path.slice(1))).then(
				(content) => response.writeHead(200).end(content),
				() => response.writeHead(404).end(),
			);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const git = (...args: string[]) =>
		run("git", ["-C", site.folder, "-c", "user.name=a", "-c", "user.email=a@b.c", ...args]);
	await git("init", "-q");
	await git("add", "page");
	await git("commit", "-q", "-m", "first");
	await git("clone", "-q", "--bare", ".", "repo.git");
	await git("-C", "repo.git", "update-server-info");

	const project = await makeProject(
		[
			`${BASE_PREFIX}ADD ${origin}/file.txt /srv/`,
			`ADD --chmod=755 --chown=1:2 ${origin}/file.txt /srv/other`,
			`ADD ${origin}/repo.git#:page /srv/page`,
			`ADD --keep-git-dir ${origin}/repo.git /srv/repo`,
			"COPY tree/ /srv/tree/",
			"ADD archive.bin /srv/archive/",
			"RUN mkdir -m 1777 /tmp/open && ln -s /srv /opt/link",
			"COPY --link tree/ping /tmp/open/ping",
			LIST,
			"COPY clash/ /opt/",
			"",
		].join("\n"),
		{ "tree/ping": "#!/bin/sh\n", "in/member": "x", "clash/link/file": "x" },
	);
	await run("mkfifo", [project.path("tree/pipe")]);
	await symlink("..", project.path("tree/up"));
	await mkdir(project.path("tree/dir"));
	await run("setfattr", ["-n", "user.note", "-v", "0x00ff", project.path("tree/ping")]);
	await run("tar", [
		"-cJf",
		project.path("archive.bin"),
		"-C",
		project.path("in"),
		"--mode=600",
		"--owner=7",
		"member",
	]);
	const env = { http_proxy: "", HTTP_PROXY: "" };
	done = await tryBuild(["-f", project.nodefile], { cwd: join(project.folder, ".."), env });
});

afterAll(() => {
	server.closeAllConnections();
	server.close();
});

it("puts everything where BuildKit does", () => {
	const lines = outputOf(done, LIST).split("\n");
	expect(lines).toEqual(
		expect.arrayContaining([
			"/srv/file.txt 600 0:0 regular file",
			"/srv/other 755 1:2 regular file",
			"/srv/page 755 0:0 directory",
			"/srv/tree/pipe 644 0:0 fifo",
			"/srv/tree/up 777 0:0 symbolic link",
			"/tmp/open 755 0:0 directory",
			"of the repository",
			String(Date.parse(DATE) / 1000),
			".git",
		]),
	);
	expect(requests.filter((path) => path === "/file.txt")).toHaveLength(1);
});

it("refuses a directory in the place of a symlink, at its line", () => {
	expect(done.status).toBe(5);
	expect(done.stderr).toContain("error[COPY_FAILED]: cannot copy to non-directory: /opt/link");
	expect(done.stderr).toMatch(/Nodefile:11:1/);
});
