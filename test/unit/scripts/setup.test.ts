/** The set-up as a process, in a folder of its own and with a PATH that has none of the host's programs. */
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let root: string;

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), "nodebuild-setup-"));
	await mkdir(join(root, "scripts"));
	await cp("scripts/setup.mjs", join(root, "scripts/setup.mjs"));
	await cp("scripts/setup", join(root, "scripts/setup"), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

function setup(args: readonly string[]) {
	const env = { PATH: join(root, "no-programs"), NODEBUILD_NO_INSTALL: "1" };
	return spawnSync(process.execPath, ["scripts/setup.mjs", ...args], { cwd: root, env, encoding: "utf8" });
}

describe("setup", () => {
	it("lists what is missing where it may not install, and fails", () => {
		const { status, stdout, stderr } = setup([]);
		expect(status).toBe(1);
		expect(stderr).toContain("qemu-img: writes disks and layers");
		expect(stdout).toBe("");
	});

	it("before tests closes with the line that the tests would have closed with", () => {
		const { status, stdout } = setup(["--test"]);
		expect(status).toBe(1);
		expect(stdout.trimEnd().split("\n").at(-1)).toBe("0 passed, 1 failed");
	});

	it("says which part failed, and still tells about the host", async () => {
		await writeFile(join(root, "package-lock.json"), '{"packages":{"node_modules/a":{"version":"1.0.0"}}}');
		const { stdout, stderr } = setup([]);
		expect(stdout).toContain("npm ci");
		expect(stderr).toContain("setup: npm ci failed");
		expect(stderr).toContain("qemu-img: writes disks and layers");
	});
});
