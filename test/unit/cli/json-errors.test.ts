/** What goes wrong, told to a program. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { cli, step } from "./harness.ts";

let cwd: string;
beforeEach(() => {
	cwd = mkdtempSync(join(tmpdir(), "nodebuild-json-"));
	writeFileSync(join(cwd, "Nodefile"), "FROM debian:12\n");
});
afterEach(() => rmSync(cwd, { recursive: true }));

const fail = async (): Promise<never> => {
	throw new NodebuildError({
		code: "STEP_FAILED",
		message: "exit code: 2",
		hint: "look inside",
		at: { ...step(3, "RUN make").at, length: 8 },
		details: ["\u001b[31mone\u001b[0m\ntwo"],
	});
};
const answers = { build: fail, explain: fail, lint: fail, images: fail, prune: fail, bases: fail, doctor: fail };
const event = {
	time: "2026-01-03T00:00:00.000Z",
	type: "error",
	code: "STEP_FAILED",
	status: 5,
	message: "exit code: 2",
	hint: "look inside",
	at: { file: "Nodefile", line: 3, column: 1, text: "RUN make", length: 8 },
	details: ["one", "two"],
};

describe("an error", () => {
	it.each([
		[["--progress", "json"]],
		[["build", "--progress=json", "."]],
		[["plan", "--json"]],
		[["lint", "--json"]],
		[["build", "--check", "--progress", "json"]],
		[["images", "--json"]],
		[["prune", "--json"]],
		[["bases", "--json"]],
		[["doctor", "--json"]],
	])("is a line of JSON: %j", async (args) => {
		const { status, stderr, stdout } = await cli(args, { cwd, answers });
		expect(stderr).toBe(`${JSON.stringify(event)}\n`);
		expect(stdout).toBe("");
		expect(status).toBe(5);
	});

	it.each([[["plan"]], [["--progress", "plain"]], [["images"]], [["--progress", "json", "--progress", "plain"]]])(
		"is text for people otherwise: %j",
		async (args) => {
			expect((await cli(args, { cwd, answers })).stderr).toContain("error[STEP_FAILED]: exit code: 2\n");
		},
	);

	it("of a command without --progress is text whatever the environment says", async () => {
		const env = { NODEBUILD_PROGRESS: "json" };
		expect((await cli(["images"], { cwd, env, answers })).stderr).toContain("error[STEP_FAILED]");
		expect(JSON.parse((await cli([], { cwd, env, answers })).stderr)).toEqual(event);
		const run = async (): Promise<never> => fail();
		expect((await cli(["run", "web", "jq", "--json"], { answers: { run } })).stderr).toContain("error[STEP_FAILED]");
	});

	it("of the command line is one too", async () => {
		const { status, stderr } = await cli(["--progress", "json", "--ouptut", "x"], { cwd });
		expect(JSON.parse(stderr)).toMatchObject({ type: "error", code: "USAGE", hint: "did you mean --output?" });
		expect(status).toBe(2);
	});

	it("that is a defect has its trace with NODEBUILD_DEBUG", async () => {
		const build = async (): Promise<never> => {
			throw new TypeError("x is not a function", { cause: new Error("the reason") });
		};
		const setting = { cwd, answers: { build } };
		const short = JSON.parse((await cli(["--progress", "json"], setting)).stderr);
		expect(short).toMatchObject({ code: "INTERNAL", status: 1, message: "x is not a function" });
		expect(short).not.toHaveProperty("trace");
		const long = JSON.parse((await cli(["--progress", "json"], { ...setting, env: { NODEBUILD_DEBUG: "1" } })).stderr);
		expect(long.trace).toEqual([expect.stringContaining("TypeError"), expect.stringContaining("the reason")]);
	});

	it("of an interrupted build is one", async () => {
		const stopped = new AbortController();
		const build = async (): Promise<never> => {
			stopped.abort();
			throw new Error("socket closed");
		};
		const setting = { cwd, signal: stopped.signal, answers: { build } };
		const { status, stderr } = await cli(["--progress", "json"], setting);
		const events = stderr
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line));
		expect(events.at(-1)).toMatchObject({ type: "error", code: "INTERRUPTED", status: 130 });
		expect(status).toBe(130);
	});
});
