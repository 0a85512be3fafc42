import { existsSync } from "node:fs";
import { lstat, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { configScript, ENTRYPOINT_UNIT } from "../../../src/image/config-files.ts";
import { entrypointUnit } from "../../../src/image/systemd.ts";
import { EMPTY_CONFIG, type ImageConfig } from "../../../src/plan/types.ts";
import { runHere, syntaxErrors } from "../guest/local-guest.ts";
import { fakeRoot, type Root } from "./root.ts";

const PROFILE = "etc/profile.d/nodebuild-env.sh";
const MANAGER = "etc/systemd/system.conf.d/50-nodebuild-env.conf";
const UNIT = `etc/systemd/system/${ENTRYPOINT_UNIT}`;
const WANTS = `etc/systemd/system/multi-user.target.wants/${ENTRYPOINT_UNIT}`;

const configOf = (env: ImageConfig["env"], more: Partial<ImageConfig> = {}): ImageConfig => ({
	...EMPTY_CONFIG,
	env: [...EMPTY_CONFIG.env, ...env],
	...more,
});
const cmd = { form: "exec", argv: ["serve", "it's"] } as const;

/** As sealing runs it. */
async function write(root: Root, config: ImageConfig): Promise<void> {
	expect(await root.sh(`set -e\n${configScript(config)}`)).toEqual({ status: 0, stdout: "", stderr: "" });
}

/** A file as it would be in the machine: its content names no folder of this test. */
async function read(root: Root, name: string): Promise<string> {
	return (await readFile(join(root.path, name), "utf8")).replaceAll(root.path, "");
}

describe("ENV", () => {
	const NASTY = [
		["PLAIN", "a=b"],
		["QUOTES", `it's "so"`],
		["DOLLAR", "$HOME `id` \\ %n"],
		["LINES", "one\nNODEBUILD_END\ntouch /tmp/escaped\n"],
		["EMPTY", ""],
	] as const;

	test("reaches login shells as it is", async () => {
		const root = await fakeRoot();
		await write(root, configOf(NASTY));
		expect(await syntaxErrors(await read(root, PROFILE))).toBe("");
		const { stdout } = await runHere(["sh", "-s"], { stdin: `${await read(root, PROFILE)}env -0\n` });
		const seen = stdout.split("\0");
		for (const [name, value] of NASTY) expect(seen).toContain(`${name}=${value}`);
	});

	test("reaches services through the manager, one word for each variable", async () => {
		const root = await fakeRoot();
		await write(root, configOf(NASTY));
		const rows = (await read(root, MANAGER)).trim().split("\n");
		expect(rows[0]).toBe("[Manager]");
		expect(rows).toHaveLength(1 + NASTY.length);
		for (const row of rows.slice(1)) expect(row).toMatch(/^DefaultEnvironment="(?:[^"\\]|\\.)*"$/);
	});

	test("reaches other logins by pam_env, as far as it can be said there", async () => {
		const root = await fakeRoot();
		await root.put({ "etc/environment": "LANG=C.UTF-8" });
		await write(root, configOf(NASTY));
		const text = await read(root, "etc/environment");
		expect(text.startsWith("LANG=C.UTF-8\n#")).toBe(true);
		expect(text).toContain("\nPLAIN=a=b\n");
		expect(text).not.toMatch(/LINES|QUOTES/);
	});

	test("that nobody set leaves no file", async () => {
		const root = await fakeRoot();
		await write(root, EMPTY_CONFIG);
		for (const name of [PROFILE, MANAGER, "etc/environment", UNIT, WANTS]) {
			expect(existsSync(join(root.path, name))).toBe(false);
		}
	});
});

test("what an image below left is replaced, and the machine's own lines stay", async () => {
	const root = await fakeRoot();
	await root.put({ "etc/environment": "A=mine\n" });
	await write(root, configOf([["OLD", "1"]], { cmd }));
	await write(root, configOf([["NEW", "2"]]));
	const text = await read(root, "etc/environment");
	expect(text).toMatch(/^A=mine\n# begin/);
	expect(text).toContain("NEW=2");
	expect(text).not.toContain("OLD");
	for (const name of [PROFILE, MANAGER]) expect(await read(root, name)).not.toContain("OLD");
	expect(existsSync(join(root.path, UNIT))).toBe(false);
	await expect(lstat(join(root.path, WANTS))).rejects.toThrow("ENOENT");
	await write(root, EMPTY_CONFIG);
	expect(await read(root, "etc/environment")).toBe("A=mine\n");
});

test("writing twice is as writing once", async () => {
	const root = await fakeRoot();
	const config = configOf([["A", "1"]], { cmd });
	const state = async () => Promise.all(["etc/environment", PROFILE, MANAGER, UNIT].map((name) => read(root, name)));
	await write(root, config);
	const once = await state();
	await write(root, config);
	expect(await state()).toEqual(once);
});

describe("CMD and ENTRYPOINT", () => {
	test("are a unit that every boot wants", async () => {
		const root = await fakeRoot();
		await write(root, configOf([], { cmd }));
		expect(await read(root, UNIT)).toBe(entrypointUnit(configOf([], { cmd })));
		expect(await readlink(join(root.path, WANTS))).toBe(join(root.path, UNIT));
	});

	test.each([
		["exit 0", true],
		["exit 2", false],
		["[ $1 = passwd ]", true],
	])("of a number run by what the machine's accounts say: getent %j", async (getent, listed) => {
		const root = await fakeRoot({ getent });
		const config = configOf([], { cmd, user: "1001" });
		await write(root, config);
		expect(await read(root, UNIT)).toBe(entrypointUnit(config, listed));
	});

	test("need systemd", async () => {
		const root = await fakeRoot();
		const script = `command() { return 1; }\n${configScript(configOf([], { cmd }))}`;
		expect(await root.sh(script)).toMatchObject({ status: 1, stderr: expect.stringContaining("systemd") });
	});
});
