/** The process around the command line: streams, signals, exit status. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder: string;
let program: string;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "nodebuild-main-"));
	program = join(folder, "main.mjs");
	const fixture = join(import.meta.dirname, "fixtures", "modules.ts");
	await build({
		entryPoints: ["src/cli/main.ts"],
		outfile: program,
		bundle: true,
		format: "esm",
		platform: "node",
		target: "node20",
		banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
		plugins: [
			{
				name: "without-machines",
				setup: (builder) => builder.onResolve({ filter: /^\.\/modules\.ts$/ }, () => ({ path: fixture })),
			},
		],
	});
	writeFileSync(join(folder, "Nodefile"), "FROM debian:12\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

function start(args: readonly string[]): {
	readonly child: ChildProcess;
	readonly ended: Promise<Ended>;
	heard(text: string): Promise<void>;
} {
	const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
	const said = { stdout: "", stderr: "" };
	for (const stream of ["stdout", "stderr"] as const) {
		child[stream].setEncoding("utf8").on("data", (text: string) => {
			said[stream] += text;
		});
	}
	const ended = once(child, "close").then(([status]) => ({ status, ...said }));
	const heard = async (text: string): Promise<void> => {
		while (!said.stderr.includes(text)) await once(child.stderr, "data");
	};
	return { child, ended, heard };
}

describe("the process", () => {
	it("ends with the command's status", async () => {
		expect(await start(["--version"]).ended).toMatchObject({ status: 0 });
		expect(await start(["imags"]).ended).toMatchObject({ status: 2, stdout: "" });
	});

	it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s stops the work in order and ends with 130", async (signal) => {
		const { child, ended, heard } = start(["build"]);
		await heard("building");
		child.kill(signal);
		const { status, stderr } = await ended;
		expect(status).toBe(130);
		expect(stderr).toBe("building\nstopping; once more to stop at once\ninterrupted: what was finished is kept\n");
	});

	it("dies of its terminal's end, in order", async () => {
		const said = join(folder, "said");
		const pid = join(folder, "pid");
		const inner = `echo $$ >"${pid}"; exec "${process.execPath}" "${program}" build 2>"${said}"`;
		const terminal = spawn("script", ["-qec", inner, "/dev/null"], { cwd: folder, stdio: "ignore" });
		const text = async (file: string) => readFile(file, "utf8").catch(() => "");
		while (!(await text(said)).includes("building")) await setTimeout(20);
		const child = (await text(pid)).trim();
		terminal.kill("SIGKILL");
		while (/^State:\t[^ZX]/m.test(await text(`/proc/${child}/status`))) await setTimeout(20);
		expect(await text(said)).toBe(
			"building\nstopping; once more to stop at once\ninterrupted: what was finished is kept\n",
		);
	});

	it("a second signal does not wait for work that does not stop", async () => {
		const { child, ended, heard } = start(["build", "--target", "stubborn"]);
		await heard("building");
		child.kill("SIGINT");
		await heard("stopping");
		child.kill("SIGINT");
		expect((await ended).status).toBe(130);
	});

	it("writes all of a long result into a pipe", async () => {
		const { status, stdout } = await start(["images", "-q"]).ended;
		expect(status).toBe(0);
		expect(stdout.split("\n")).toHaveLength(20_001);
	});

	it("is quiet when the reader of its results goes away", async () => {
		const { child, ended } = start(["images"]);
		child.stdout?.destroy();
		expect(await ended).toMatchObject({ status: 0, stderr: "" });
	});

	it("stops the work in silence when the reader of its results goes away", async () => {
		const { child, ended, heard } = start(["run", "web"]);
		await heard("running");
		child.stdout?.destroy();
		expect(await ended).toMatchObject({ status: 141, stderr: "running\n" });
	});

	it.each([[["images"]], [["lint"]], [["run", "web"]]])("says that standard output is full: %j", async (args) => {
		const full = openSync("/dev/full", "w");
		const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ["ignore", full, "pipe"] });
		closeSync(full);
		let stderr = "";
		child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			stderr += text;
		});
		const [status] = await once(child, "close");
		expect(stderr.match(/error\[\w+\]/g)).toEqual(["error[OUTPUT_FAILED]"]);
		expect(stderr).toContain("hint: the disk that it is redirected to is full");
		expect(status).toBe(7);
	});

	it("ends with 1 and a message when something throws in the background", async () => {
		const { status, stderr } = await start(["prune"]).ended;
		expect(status).toBe(1);
		expect(stderr).toContain("error[INTERNAL]: a defect in the background");
	});
});
