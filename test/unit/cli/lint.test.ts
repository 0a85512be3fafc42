import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LintReport } from "../../../src/build/lint.ts";
import { cli } from "./harness.ts";

let cwd: string;
beforeEach(() => {
	cwd = mkdtempSync(join(tmpdir(), "nodebuild-cli-"));
	writeFileSync(join(cwd, "Nodefile"), "FROM debian:12\nUSER $X\n");
});
afterEach(() => rmSync(cwd, { recursive: true }));

const at = { file: "Nodefile", line: 2, column: 6, text: "USER $X", length: 2 };
const report: LintReport = { nodefile: "Nodefile", warnings: [{ rule: "UndefinedVar", message: "what it is", at }] };
const answers = { lint: async () => report };

describe.each([["lint"], ["build --check"]])("nodebuild %s", (command) => {
	const args = command.split(" ");

	it("shows the rule, the place and the line, and ends with 3", async () => {
		const { status, stdout, calls } = await cli(args, { cwd, answers });
		expect(stdout).toBe(
			[
				"warning[UndefinedVar]: what it is",
				" --> Nodefile:2:6",
				"  |",
				"2 | USER $X",
				"  |      ^^",
				"",
				"Check complete, 1 warning has been found!",
				"",
			].join("\n"),
		);
		expect(status).toBe(3);
		expect(calls.map(({ name }) => name)).toEqual(["lint"]);
	});

	it("ends with 0 when there is nothing to warn of", async () => {
		const { status, stdout } = await cli([...args, "--build-arg", "A=1", "--target", "x"], { cwd });
		expect([status, stdout]).toEqual([0, "Check complete, no warnings found.\n"]);
	});
});

it("lint --json and build --check --progress json print the same JSON", async () => {
	const { stdout, status } = await cli(["lint", "--json"], { cwd, answers });
	const warning = { rule: "UndefinedVar", message: "what it is", ...at };
	expect(JSON.parse(stdout)).toEqual({ nodefile: "Nodefile", warnings: [warning] });
	expect(status).toBe(3);
	expect((await cli(["build", "--check", "--progress", "json"], { cwd, answers })).stdout).toBe(stdout);
});
