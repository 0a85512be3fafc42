import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { cli, IMAGE, step } from "./harness.ts";

let cwd: string;
beforeEach(() => {
	cwd = mkdtempSync(join(tmpdir(), "nodebuild-cli-"));
	writeFileSync(join(cwd, "Nodefile.worker"), "FROM debian:12\n");
	mkdirSync(join(cwd, "sub"));
	writeFileSync(join(cwd, "sub", "Nodefile"), "FROM debian:12\n");
	symlinkSync("circle", join(cwd, "circle"));
	symlinkSync("nowhere", join(cwd, "dangling"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

describe("which Nodefile", () => {
	it.each([
		[["-f", "Nodefile.worker"], "Nodefile.worker", "."],
		[["build", "-f", "Nodefile.worker"], "Nodefile.worker", "."],
		[["-f", "sub/Nodefile"], "sub/Nodefile", "sub"],
		[["-f", "sub/Nodefile", "."], "sub/Nodefile", "."],
		[["sub"], "sub/Nodefile", "sub"],
		[["build", "sub"], "sub/Nodefile", "sub"],
		[["./sub", "-f", "Nodefile.worker"], "Nodefile.worker", "./sub"],
		[["-f", "-"], "-", "."],
		[["build", "-f", "-", "sub"], "-", "sub"],
		[["lint", "--file=-", "sub"], "-", "sub"],
		[["lint", "-f-"], "-", "."],
		[["shell", "-f", "-"], "-", "."],
	])("nodebuild %j", async (args, nodefile, context) => {
		const { status, options } = await cli(args, { cwd });
		expect(status).toBe(0);
		expect(options).toMatchObject({ nodefile, context });
	});

	it.each([
		[[], 3, "there is no Nodefile in", "did you mean nodebuild -f Nodefile.worker?"],
		[["-f", "Nodefile.wroker"], 3, "Nodefile.wroker does not exist", "did you mean nodebuild -f Nodefile.worker?"],
		[["-f", "sub"], 3, "got the folder sub", "nodebuild -f sub/Nodefile"],
		[["-f", "no/such"], 3, "no/such does not exist", "name it with -f"],
		[["-f", "Nodefile.worker", "./nowhere"], 3, "which does not exist", "hint"],
		[["./Nodefile.worker"], 3, "got the file ./Nodefile.worker", "nodebuild -f ./Nodefile.worker"],
		[[""], 2, "expected a folder as context, got an empty name", "is a variable of the shell empty?"],
		[["build", "-f", ""], 2, "expected a Nodefile after -f, got an empty name", "is a variable of the shell empty?"],
		[["-f", "Nodefile.worker/x"], 3, "Nodefile.worker/x does not exist", "name it with -f"],
		[["-f", "x".repeat(300)], 3, "expected a Nodefile, got a path that is too long: xxx", "name it with -f"],
		[["-f", "circle"], 3, "got a circle of symlinks: circle", "name it with -f"],
		[["-f", "dangling"], 3, "got a broken symlink: dangling", "name it with -f"],
		[["-f", "Nodefile.worker", "circle"], 3, "to be a folder, got a circle of symlinks: circle", "hint"],
		[["-f", "Nodefile.worker", "x".repeat(300)], 3, "to be a folder, got a path that is too long: xxx", "hint"],
		[["-f", "Nodefile.worker", "Nodefile.worker/x"], 3, "got Nodefile.worker/x, which does not exist", "hint"],
		[["-f", "Nodefile.worker", "--build-context", "a=./circle"], 3, "got a circle of symlinks: ./circle", "hint"],
		[["-f", "Nodefile.worker", "--secret", "id=a,src=sub"], 2, "Expected a file, got folder", "--secret"],
		[["-f", "Nodefile.worker", "--ssh", "default=sub"], 2, "Expected a socket or a key, got the folder", "--ssh"],
		[["build", "-"], 3, "got -, which does not exist", "nodebuild -f - ."],
		[["https://example.com/repo.git"], 3, "expected the context to be a folder", "clone"],
	])("nodebuild %j ends with %i", async (args, status, message, hint) => {
		const outcome = await cli(args, { cwd });
		expect(outcome.status).toBe(status);
		expect(outcome.stderr).toContain(message);
		expect(outcome.stderr).toContain(hint);
		expect(outcome.calls).toEqual([]);
	});
});

describe("build's options", () => {
	it("have docker's meaning", async () => {
		const line =
			"-f Nodefile.worker -t web -t team/web:1 --build-arg A=1=2 --build-arg B --build-arg C --target run --no-cache " +
			"--disk-size 20G --memory 2G --cpus 3 --base-map a.json --offline --label x=y --platform linux/arm64 --verify " +
			"--shell-on-error -o type=raw,dest=web.img -o web.qcow2";
		const { options } = await cli(line.split(" "), { cwd, env: { B: "from outside" } });
		expect(options).toMatchObject({
			tags: ["web:latest", "team/web:1"],
			buildArgs: { A: "1=2", B: "from outside" },
			target: "run",
			noCache: true,
			diskSize: 20 * 2 ** 30,
			memory: 2048,
			cpus: 3,
			baseMaps: ["a.json"],
			offline: true,
			labels: { x: "y" },
			platform: "linux/arm64",
			verify: true,
			shellOnError: true,
			outputs: [
				{ type: "raw", dest: "web.img", options: {} },
				{ type: "qcow2", dest: "web.qcow2", options: {} },
			],
			home: "/store",
		});
		expect(options.buildArgs).not.toHaveProperty("C");
	});

	it("take a bare label as one without a value, whatever the environment has", async () => {
		const { options } = await cli(["-f", "Nodefile.worker", "--label", "x", "--label", "y="], { cwd, env: { x: "1" } });
		expect(options.labels).toEqual({ x: "", y: "" });
	});

	it("have defaults, some from the environment", async () => {
		const plain = await cli(["-f", "Nodefile.worker"], { cwd });
		expect(plain.options).toMatchObject({
			tags: [],
			noCache: false,
			memory: 1024,
			outputs: [],
		});
		expect(plain.options).not.toHaveProperty("target");
		const env = { NODEBUILD_MEMORY: "3G", NODEBUILD_CPUS: "7" };
		expect((await cli(["-f", "Nodefile.worker"], { cwd, env })).options).toMatchObject({ memory: 3072, cpus: 7 });
		const wrong = await cli(["-f", "Nodefile.worker"], { cwd, env: { NODEBUILD_MEMORY: "much" } });
		expect(wrong.status).toBe(2);
		expect(wrong.stderr).toContain('NODEBUILD_MEMORY has the value "much"');
	});
});

describe("what is mistyped", () => {
	it.each([
		[["imags"], "did you mean nodebuild images?"],
		[["frobnicate"], "nodebuild --help"],
		[["imags", "--json"], "did you mean nodebuild images?"],
		[["build", "--ouptut", "x"], "error[USAGE]: unknown option '--ouptut'\nhint: did you mean --output?\n"],
		[["-f", "Nodefile.worker", "--disk-size", "20GG"], "Did you mean 20G?"],
		[["-f", "Nodefile.worker", "--progress", "fancy"], "Allowed choices are auto, tty, plain, json"],
		[["-f", "Nodefile.worker", ".", "extra"], "too many arguments"],
		[["-f", "Nodefile.worker", "--progress", "jsno"], "hint: did you mean json?"],
		[["build", "--memory"], 'argument missing\nhint: see "nodebuild build --help"'],
		[["bases", "build"], "missing required argument 'base'\nhint: see \"nodebuild bases build --help\""],
		[["-f"], "argument missing"],
		[["-f", "Nodefile.worker", "-o", "type=qcow3,dest=x"], "did you mean qcow2?"],
		[["rmi"], "missing required argument"],
		[["run"], "missing required argument"],
		[["tag", "web", "Web!"], "lower case"],
		[["run", "web", "--shh"], "unknown option '--shh'"],
		[["run", "--ssh", "--console", "web"], "expected one way to use the machine"],
		[["bases", "biuld", "debian:12"], "did you mean nodebuild bases build?"],
		[["bases", "lsit"], "did you mean nodebuild bases list?"],
		[["bases", "debian:12"], "the commands are list, build, warm"],
		[["bases", "help", "wram"], "did you mean nodebuild bases help warm?"],
		[["help", "biuld"], "did you mean nodebuild help build?"],
		[["help", "bases", "lsit"], "did you mean nodebuild help bases list?"],
	])("nodebuild %j ends with 2", async (args, said) => {
		const outcome = await cli(args, { cwd });
		expect(outcome.stderr).toContain(said);
		expect(outcome.stderr).toMatch(/^error\[USAGE\]: |^\{.*"code":"USAGE"/);
		expect(outcome.status).toBe(2);
		expect(outcome.stdout).toBe("");
		expect(outcome.calls).toEqual([]);
	});
});

describe("help and version", () => {
	it.each([[["--help"]], [["help"]], [["build", "--help"]], [["help", "run"]], [["bases", "build", "-h"]]])(
		"nodebuild %j goes to standard output",
		async (args) => {
			const { status, stdout, stderr } = await cli(args, { cwd });
			expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
			expect(stdout).toContain("Usage: nodebuild");
		},
	);

	it.each([["--version"], ["-v"], ["version"]])("nodebuild %s", async (arg) => {
		const { version } = JSON.parse(readFileSync("package.json", "utf8"));
		expect(await cli([arg])).toMatchObject({ status: 0, stdout: `nodebuild ${version}\n` });
	});
});

describe("what a build says at the end", () => {
	const args = ["-f", "Nodefile.worker"];
	const verification = {
		image: "web:latest",
		passed: false,
		rows: [
			{ name: "boot", passed: true, milliseconds: 20_000, detail: "cloud-init done" },
			{ name: "port 80", passed: false, milliseconds: 100, detail: "connection refused" },
		],
	};
	const outputs = [{ path: "web.qcow2", size: 2 ** 20, sha256: "ab".repeat(32) }];
	const answers = { build: async () => ({ image: IMAGE, cached: false, outputs, milliseconds: 65_400, verification }) };

	it("is on standard output, progress on standard error", async () => {
		const { status, stdout } = await cli(args, { cwd, answers });
		expect(status).toBe(9);
		expect(stdout).toBe(
			[
				"built web:latest 1234567890ab in 65.4s",
				`wrote web.qcow2 1.0 MiB sha256:${"ab".repeat(32)}`,
				"CHECK    WHAT      TIME    DETAIL",
				"ok       boot      20.0s   cloud-init done",
				"FAILED   port 80   0.1s    connection refused",
				"verification failed: 1 of 2 checks of web:latest did not pass",
				"start a throwaway copy: nodebuild run web:latest",
				"",
			].join("\n"),
		);
	});

	it("is the id alone with --quiet, and in --iidfile", async () => {
		const { stdout, stderr } = await cli([...args, "-q", "--iidfile", "id"], { cwd });
		expect({ stdout, stderr }).toEqual({ stdout: `${IMAGE.id}\n`, stderr: "" });
		expect(readFileSync(join(cwd, "id"), "utf8")).toBe(IMAGE.id);
	});

	it.each([
		[".", "got the folder ."],
		["Nodefile.worker/id", "ENOTDIR"],
		["/proc/nodebuild/deep/id", "could not be written"],
	])("an --iidfile that cannot be written is no defect: %s", async (path, said) => {
		const { status, stderr } = await cli([...args, "--iidfile", path], { cwd });
		expect(stderr).toContain("error[OUTPUT_FAILED]");
		expect(stderr).toContain(said);
		expect(status).toBe(7);
	});

	it.each([".", "no/such/folder/id", "Nodefile.worker/id"])(
		"is told before the build when --iidfile cannot be written: %s",
		async (path) => {
			expect(await cli([...args, "--iidfile", path], { cwd })).toMatchObject({ status: 7, calls: [] });
		},
	);

	it("is one line of JSON with --progress json", async () => {
		const { stdout } = await cli([...args, "--progress", "json"], { cwd, answers });
		expect(stdout.trimEnd()).not.toContain("\n");
		expect(JSON.parse(stdout)).toMatchObject({ type: "result", image: { id: IMAGE.id }, outputs, verification });
	});
});

describe("what goes wrong in a build", () => {
	it("shows the failing step, its last output, its line, and the ways on", async () => {
		const failing = step(3, "RUN make");
		const { status, stderr } = await cli(["-f", "Nodefile.worker"], {
			cwd,
			answers: {
				build: async ({ emit }) => {
					emit({ type: "step-start", step: failing });
					emit({ type: "step-output", step: failing, stream: "stderr", data: Buffer.from("make: *** No targets.") });
					emit({ type: "step-failed", step: failing, milliseconds: 10, message: "exit code: 2" });
					throw new NodebuildError({
						code: "STEP_FAILED",
						message: 'process "/bin/sh -c make" did not complete successfully: exit code: 2',
						at: { ...failing.at, length: 8 },
						details: ["\u001b[31mmake\u001b[0m: *** No targets."],
						hint: "the layer before this step is kept\nlook inside with nodebuild shell",
					});
				},
			},
		});
		expect(status).toBe(5);
		expect(stderr).toBe(
			[
				"#1 [3/4] RUN make",
				"#1 0.000 make: *** No targets.",
				"#1 ERROR: exit code: 2",
				"",
				'error[STEP_FAILED]: process "/bin/sh -c make" did not complete successfully: exit code: 2',
				" --> Nodefile:3:1",
				"  |",
				"3 | RUN make",
				"  | ^^^^^^^^",
				"------",
				"make: *** No targets.",
				"------",
				"hint: the layer before this step is kept",
				"      look inside with nodebuild shell",
				"",
			].join("\n"),
		);
	});

	it("ends with 130 when a signal came, whatever was thrown", async () => {
		const stopped = new AbortController();
		const build = async (): Promise<never> => {
			stopped.abort();
			throw new Error("socket closed");
		};
		const outcome = await cli(["-f", "Nodefile.worker"], { cwd, signal: stopped.signal, answers: { build } });
		expect(outcome).toMatchObject({
			status: 130,
			stderr: "stopping; once more to stop at once\ninterrupted: what was finished is kept\n",
		});
	});

	it("takes an unknown error for a defect, with a trace on demand", async () => {
		const build = async (): Promise<never> => {
			throw new TypeError("x is not a function", { cause: new Error("the reason") });
		};
		const short = await cli(["-f", "Nodefile.worker"], { cwd, answers: { build } });
		expect(short.status).toBe(1);
		expect(short.stderr).toContain("error[INTERNAL]: x is not a function");
		expect(short.stderr).toContain("NODEBUILD_DEBUG=1");
		expect(short.stderr).not.toContain("    at ");
		const long = await cli(["-f", "Nodefile.worker"], { cwd, answers: { build }, env: { NODEBUILD_DEBUG: "1" } });
		expect(long.stderr).toContain("trace: TypeError: x is not a function\n    at ");
		expect(long.stderr).toContain("caused by: Error: the reason");
	});
});
