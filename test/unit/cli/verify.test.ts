import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { VerifyReport } from "../../../src/build/types.ts";
import { cli } from "./harness.ts";

let cwd: string;
beforeEach(() => {
	cwd = mkdtempSync(join(tmpdir(), "nodebuild-cli-"));
	writeFileSync(join(cwd, "Nodefile"), "FROM debian:12\n");
});
afterEach(() => rmSync(cwd, { recursive: true }));

const SUITES = "--suite kubernetes --suite a/b.yaml --suite c.yaml --suite-var x=1 --suite-var Y --vars v.yaml".split(
	" ",
);

it("verify hands suites and their variables on, files from where it runs", async () => {
	const { options, status } = await cli(["verify", ...SUITES, "web"], { cwd, env: { Y: "2" } });
	expect(status).toBe(0);
	expect(options).toMatchObject({
		image: "web",
		suites: ["kubernetes", join(cwd, "a/b.yaml"), join(cwd, "c.yaml")],
		vars: { x: "1", Y: "2" },
		varFiles: [join(cwd, "v.yaml")],
	});
});

it("build --suite verifies", async () => {
	const { options } = await cli(["build", ...SUITES], { cwd });
	expect(options).toMatchObject({ verify: true, suites: ["kubernetes", join(cwd, "a/b.yaml"), join(cwd, "c.yaml")] });
	expect((await cli(["build"], { cwd })).options).toMatchObject({ verify: false, suites: [] });
});

it("shows a suite's rows as a table, writes JUnit, and ends with 9 when one failed", async () => {
	const rows: VerifyReport["rows"] = [
		{ name: "boots by itself", passed: true, milliseconds: 1500, detail: "" },
		{ name: "file /a: mode", suite: "s", passed: false, milliseconds: 20, detail: 'expected "0644", got "0600"' },
		{
			name: "file /b: mode",
			suite: "s",
			passed: true,
			skipped: true,
			milliseconds: 0,
			detail: "there is no such file",
		},
	];
	const answers = { verify: async () => ({ image: "web:1", passed: false, rows }) };
	const { status, stdout } = await cli(["verify", "--junit", "report.xml", "web"], { cwd, answers });
	expect(status).toBe(9);
	expect(stdout.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual([
		"CHECK WHAT TIME DETAIL",
		"ok boots by itself 1.5s",
		'FAILED s: file /a: mode 0.0s expected "0644", got "0600"',
		"skipped s: file /b: mode 0.0s there is no such file",
		"verification failed: 1 of 3 checks of web:1 did not pass",
		"",
	]);
	expect(readFileSync(join(cwd, "report.xml"), "utf8")).toContain('<testsuites tests="3" failures="1"');
});
