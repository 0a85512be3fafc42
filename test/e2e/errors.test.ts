/** What goes wrong, as a user sees it: the code, the place, what to do, the exit status. Most of it needs no machine. */
import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, symlink } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { type Build, booted, outputOf, tryBuild } from "./support/build.ts";
import { nodebuild, type Outcome, succeed } from "./support/command.ts";
import { machinesOf } from "./support/machines.ts";
import { makeProject, type Project } from "./support/project.ts";

/** A step that no store has. */
const FRESH = `RUN : ${randomUUID()}\n`;

/** Build this text, in the folder of the Nodefile as a user does. */
async function buildText(text: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Build> {
	const project = await makeProject(text);
	return tryBuild(["-f", "Nodefile", ...args], { cwd: project.folder, env });
}

/** The error that ended a command, without the progress before it. */
function errorOf({ stderr }: Outcome): string {
	const start = stderr.search(/^error(\[|:)/m);
	return start < 0 ? "" : stderr.slice(start);
}

describe("a wrong command line", () => {
	it.each([
		[["build", "--no-chache"], "--no-cache"],
		[["buidl"], "nodebuild build"],
		[["--progress", "fancy"], "auto, tty, plain, json"],
		[["--memory", "plenty"], "--memory"],
		[["--disk-size", "-1"], "--disk-size"],
		[["-o", "type=qcow3,dest=x"], "qcow2"],
		[["-o", "image.txt"], "type=raw"],
		[["-t", "Not A Name"], "Not A Name"],
		[["run"], "image"],
		[["rmi"], "image"],
		[["prune", "--older-than", "soon"], "--older-than"],
	])("%j ends with 2 and a word that helps", async (args, word) => {
		const outcome = await nodebuild(args);
		expect(outcome.stderr).toContain(word);
		expect(outcome.stdout).toBe("");
		expect(outcome.status).toBe(2);
	});

	it("is told from a wrong environment, which ends with 2 too", async () => {
		const outcome = await nodebuild(["doctor"], { env: { NODEBUILD_ACCEL: "warp" } });
		expect(errorOf(outcome)).toMatch(/NODEBUILD_ACCEL.*warp/);
		expect(outcome.status).toBe(2);
	});

	it("or a Nodefile that is not there, which ends with 3 and the likely one", async () => {
		const project = await makeProject(BASE_PREFIX);
		const outcome = await nodebuild(["-f", "Nodfile"], { cwd: project.folder });
		expect(errorOf(outcome)).toMatch(/^error\[NODEFILE_NOT_FOUND\]/);
		expect(outcome.stderr).toContain("nodebuild -f Nodefile");
		expect(outcome.status).toBe(3);
	});
});

describe("a wrong Nodefile", () => {
	it.each([
		["an unknown instruction", "RNU true", "3:1", "RUN"],
		["an unknown flag", "COPY --chwon=1 a /a", "3:6", "--chown"],
		["a missing argument", "WORKDIR", "3:1", "WORKDIR"],
		["a value of the wrong form", "ENV NAME", "3:", "ENV"],
		["a heredoc without an end", "RUN <<EOF\necho lost", "3:", "EOF"],
		["a bad variable", "ENV A=${B", "3:", "${B"],
	])("with %s shows file, line, column and the line", async (_what, line, place, word) => {
		const done = await buildText(`${BASE_PREFIX}${FRESH}${line}\n`);
		const error = errorOf(done);
		expect(error).toMatch(/^error\[NODEFILE_(SYNTAX|INVALID)\]: /);
		expect(error).toContain(`--> Nodefile:${place}`);
		expect(error).toContain(`3 | ${line.split("\n")[0]}`);
		expect(error).toContain(word);
		expect(done.status).toBe(3);
		expect(booted(done)).toBe(false);
	});

	it("that copies what is not there is refused before a machine starts", async () => {
		const project = await makeProject(`${BASE_PREFIX}${FRESH}COPY confg.ini /etc/\n`, { "config.ini": "" });
		const done = await tryBuild(["-f", "Nodefile"], { cwd: project.folder });
		const error = errorOf(done);
		expect(error).toMatch(/^error\[COPY_SOURCE_MISSING\]: .*confg\.ini/);
		expect(error).toContain("--> Nodefile:3:");
		expect(error).toContain("config.ini");
		expect(done.status).toBe(3);
		expect(booted(done)).toBe(false);
	});

	it.each([
		["RUN --device=gpu true", "UNSUPPORTED", "--device", 3],
		["RUN --mount=type=secret,id=x,required true", "USAGE", "--secret", 2],
		["COPY --from=nowhere:1 /etc/hostname /x", "BASE_UNKNOWN", "nowhere:1", 4],
		["ADD https://127.0.0.1:1/x /x", "SOURCE_UNAVAILABLE", "127.0.0.1:1", 4],
	] as const)("that says %s is refused before a machine starts", async (line, code, word, status) => {
		const done = await buildText(`${BASE_PREFIX}${FRESH}${line}\n`);
		expect(errorOf(done)).toMatch(new RegExp(`^error\\[${code}\\]: `));
		expect(errorOf(done)).toContain(word);
		expect(errorOf(done)).toContain("--> Nodefile:3:");
		expect(done.status).toBe(status);
		expect(booted(done)).toBe(false);
	});
});

describe("a wrong base", () => {
	let server: Server;
	let address: string;
	const disk = Buffer.alloc(1 << 20, "not a disk that boots");
	const digest = createHash("sha256").update(disk).digest("hex");
	const wrong = "0".repeat(64);

	beforeAll(async () => {
		server = createServer((request, response) => {
			const text = request.url === "/beside/SHA256SUMS" ? `${wrong}  disk.raw\n` : undefined;
			if (request.url?.endsWith("/disk.raw")) response.end(disk);
			else if (text !== undefined) response.end(text);
			else response.writeHead(404).end();
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	});
	afterAll(() => new Promise((resolve) => server.close(resolve)));

	it("whose name is unknown is answered with the nearest ones", async () => {
		const done = await buildText("FROM debain:12\nRUN true\n");
		expect(errorOf(done)).toMatch(/^error\[BASE_UNKNOWN\]: .*debain:12/);
		expect(errorOf(done)).toContain("--> Nodefile:1:");
		expect(errorOf(done)).toContain("debian:12");
		expect(done.status).toBe(4);
	});

	it("whose file is not there says which", async () => {
		const done = await buildText("FROM ./none.qcow2\nRUN true\n");
		expect(errorOf(done)).toMatch(/^error\[BASE_UNAVAILABLE\]: .*none\.qcow2/);
		expect(done.status).toBe(4);
	});

	it("whose file has another checksum names both, and leaves the file", async () => {
		const project = await makeProject(`FROM ./disk.raw#sha256=${wrong}\n`, { "disk.raw": disk });
		const done = await tryBuild(["-f", "Nodefile"], { cwd: project.folder });
		expect(errorOf(done)).toMatch(/^error\[BASE_CHECKSUM\]: /);
		expect(errorOf(done)).toContain(wrong);
		expect(errorOf(done)).toContain(digest);
		expect(done.status).toBe(4);
		expect(await readFile(project.path("disk.raw"))).toEqual(disk);
	});

	it.each([
		["pinned", "/disk.raw", `#sha256=${wrong}`],
		["in the file beside it", "/beside/disk.raw", ""],
	])("whose download has another checksum than the one %s names both", async (_where, path, pin) => {
		const text = `FROM ${address}${path}${pin}\n`;
		const done = await buildText(text, [], { no_proxy: "127.0.0.1", NO_PROXY: "127.0.0.1" });
		expect(errorOf(done)).toMatch(/^error\[BASE_CHECKSUM\]: /);
		expect(errorOf(done)).toContain(wrong);
		expect(errorOf(done)).toContain(digest);
		expect(done.status).toBe(4);
	});
});

/** A PATH of one folder with all programs of this one's but those with such names. */
async function pathWithout(names: RegExp): Promise<string> {
	const folder = await mkdtemp(join(inject("work"), "path-"));
	for (const from of `${process.env.PATH}:/usr/sbin:/sbin`.split(":")) {
		for (const name of await readdir(from).catch(() => [])) {
			// The first one of a name is the one that counts.
			if (!names.test(name)) await symlink(join(from, name), join(folder, name)).catch(() => undefined);
		}
	}
	return folder;
}

describe("a host that lacks something", () => {
	it("says that there is no QEMU at NODEBUILD_QEMU", async () => {
		const done = await buildText(`${BASE_PREFIX}${FRESH}`, [], { NODEBUILD_QEMU: "/nonexistent/qemu" });
		expect(errorOf(done)).toMatch(/^error\[HOST_TOOL_MISSING\]: .*\/nonexistent\/qemu/);
		expect(done.status).toBe(7);
	});

	it("says how to get the QEMU that is not on PATH", async () => {
		const env = { PATH: await pathWithout(/^qemu-(system|kvm)/), NODEBUILD_QEMU: undefined };
		const done = await buildText(`${BASE_PREFIX}${FRESH}`, [], env);
		expect(errorOf(done)).toMatch(/^error\[HOST_TOOL_MISSING\]: .*qemu-system-x86_64/);
		expect(errorOf(done)).toMatch(/hint: .*install/);
		expect(done.status).toBe(7);
		const doctor = await nodebuild(["doctor"], { env });
		expect(doctor.stdout).toMatch(/^qemu-system-x86_64 +MISSING/m);
		expect(doctor.status).toBe(7);
	});

	it("says which output cannot be written before it builds", async () => {
		const done = await buildText(`${BASE_PREFIX}${FRESH}`, ["-o", "type=raw,dest=Nodefile/image.raw"]);
		expect(errorOf(done)).toMatch(/^error\[OUTPUT_FAILED\]: .*through the file/);
		expect(done.status).toBe(7);
		expect(booted(done)).toBe(false);
	});
});

describe("a step that fails", () => {
	const before = `${BASE_PREFIX}ENV E2E_RUN=${randomUUID()}\nWORKDIR /srv\nRUN echo kept > first\n`;
	const failing = "RUN echo to stdout; echo to stderr >&2; seq 40; echo changed > first; exit 3";
	let project: Project;
	let done: Build;

	const again = (): Promise<Build> => tryBuild(["-f", "Nodefile"], { cwd: project.folder });

	beforeAll(async () => {
		project = await makeProject(`${before}ENV WHERE=here\n${failing}\nRUN echo never\n`);
		done = await again();
	});

	it("ends the build with 5, its command and exit code", () => {
		expect(done.status).toBe(5);
		expect(errorOf(done)).toMatch(/^error\[STEP_FAILED\]: process "\/bin\/sh -c echo to stdout;.*exit code: 3$/m);
		// The directory may be a layer of an earlier run: ENV does not change it.
		expect(done.ran.slice(-2)).toEqual(["RUN echo kept > first", failing]);
		expect(done.events.filter(({ type }) => type === "step-failed").map(({ step }) => step?.title)).toEqual([failing]);
	});

	it("shows its line and its last output, and how to look inside", () => {
		const error = errorOf(done);
		expect(error).toContain("--> Nodefile:6:1");
		expect(error).toContain(`6 | ${failing}`);
		expect(error).toMatch(/^40$/m);
		expect(error).not.toMatch(/^to stdout$/m);
		expect(error).toContain("--shell-on-error");
		expect(error).toContain("nodebuild shell -f Nodefile --step 4");
	});

	it("leaves no machine, and the layers before it", async () => {
		expect(await machinesOf()).toEqual([]);
		const { stdout } = await succeed(["plan", "-f", project.nodefile]);
		expect(stdout).toContain('2 steps would run; start: the layer "RUN echo kept > first"');
	});

	it("can be looked into, as it was before it", async () => {
		const stdin = "cat first; echo $WHERE; echo other > first; exit 9\n";
		// A terminal that can do more gets control sequences between the lines.
		const env = { TERM: "dumb" };
		const outcome = await nodebuild(["shell", "-f", "Nodefile", "--step", "4"], { cwd: project.folder, stdin, env });
		expect(outcome.status).toBe(9);
		// A terminal's answer: the shell may say something of its own before a line.
		const lines = outcome.stdout.replaceAll("\r", "");
		expect(lines).toMatch(/kept$/m);
		expect(lines).toMatch(/here$/m);
	});

	it("can be looked into as it left it, until the input ends", async () => {
		const args = ["build", "-f", "Nodefile", "--progress", "plain", "--shell-on-error"];
		const outcome = await nodebuild(args, { cwd: project.folder, stdin: "pwd; echo $WHERE >&2; cat first" });
		expect(outcome.status).toBe(5);
		expect(outcome.stdout).toContain("/srv\nchanged\n");
		expect(outcome.stderr).toMatch(/^here$/m);
	});

	it("goes on from there when it is mended; a dead network is called that", async () => {
		const fetch = `python3 -c "import urllib.request as u; u.urlopen('http://example.org/')"`;
		await project.write("Nodefile", `${before}RUN cat first && echo mended\nRUN --network=none ${fetch}\n`);
		const mended = await again();
		expect(mended.cached).toEqual(["WORKDIR /srv", "RUN echo kept > first"]);
		expect(outputOf(mended, "RUN cat first")).toBe("kept\nmended\n");
		expect(mended.status).toBe(5);
		expect(errorOf(mended)).toContain("name resolution");
		expect(errorOf(mended)).toMatch(/^hint: .*cannot resolve names/m);
	});
});

describe("a machine's full disk", () => {
	it("is called that, with the option that makes it larger", async () => {
		const text = `${BASE_PREFIX}RUN df --output=size -B1M / | tail -n 1\nRUN fallocate -l 8G /filling\n`;
		const done = await buildText(text, ["--disk-size", "5G"]);
		const size = Number(done.events.find(({ type }) => type === "step-output")?.text);
		if (done.ran.length === 2) expect(size).toBeGreaterThan(4096);
		if (done.ran.length === 2) expect(size).toBeLessThan(5120);
		expect(errorOf(done)).toMatch(/^error\[GUEST_DISK_FULL\]: /);
		expect(errorOf(done)).toMatch(/^hint: .*--disk-size/m);
		expect(done.status).toBe(5);
	});
});
