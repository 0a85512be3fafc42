import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli } from "./harness.ts";

let cwd: string;
beforeEach(() => {
	cwd = mkdtempSync(join(tmpdir(), "nodebuild-cli-"));
	mkdirSync(join(cwd, "sub"));
	writeFileSync(join(cwd, "Nodefile"), "FROM debian:12\n");
	writeFileSync(join(cwd, "vars.json"), "{}");
	writeFileSync(join(cwd, "token"), "secret");
	symlinkSync("Nodefile", join(cwd, "link.raw"));
	symlinkSync(".", join(cwd, "here"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

describe("what a build writes", () => {
	it.each([
		["the Nodefile", ["-o", "type=raw,dest=Nodefile"], "also the Nodefile"],
		["the Nodefile, by a link", ["-o", "link.raw"], "also the Nodefile"],
		["the default Nodefile of a context", ["-o", "type=raw,dest=Nodefile", "."], "also the Nodefile"],
		["a file of variables", ["--var-file", "vars.json", "-o", "type=qcow2,dest=vars.json"], "also a --var-file"],
		["a secret's file", ["--secret", "id=t,src=token", "-o", "type=raw,dest=./token"], "also the secret t"],
		["another output", ["-o", "a.qcow2", "-o", "./a.qcow2"], "also the file of -o"],
		["another output, by a folder's link", ["-o", "a.raw", "-o", "type=qcow2,dest=here/a.raw"], "also the file of -o"],
		["another one's checksum", ["-o", "a.raw", "-o", "type=raw,dest=a.raw.sha256"], "also the checksum of -o"],
		["the file of the id", ["-o", "a.raw", "--iidfile", "a.raw"], "also the file of -o"],
		["the Nodefile with the id", ["--iidfile", "Nodefile"], "also the Nodefile"],
	])("may not be %s", async (_what, args, said) => {
		const { status, stderr, calls } = await cli(["-f", "Nodefile", ...args], { cwd });
		expect(stderr).toContain("error[USAGE]");
		expect(stderr).toContain(said);
		expect([status, calls]).toEqual([2, []]);
		expect(readFileSync(join(cwd, "Nodefile"), "utf8")).toBe("FROM debian:12\n");
	});

	it("may be several files in one folder, and replace an earlier result", async () => {
		writeFileSync(join(cwd, "sub/a.qcow2"), "old");
		const args = ["-f", "Nodefile", "-o", "sub/a.qcow2", "-o", "sub/a.raw", "--iidfile", "sub/id"];
		expect(await cli(args, { cwd })).toMatchObject({ status: 0 });
	});
});
