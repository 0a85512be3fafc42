/** Commands on stores that cannot be used as one would wish, without stand-ins. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { modules } from "../../../src/cli/modules.ts";
import { openStore } from "../../../src/layers/store.ts";
import { tempDir } from "../system/child.ts";
import { cli } from "./harness.ts";

/** Nothing can be locked in it, whoever tries, root included. */
async function lockless(): Promise<string> {
	const home = join(await tempDir(), "store");
	await (await openStore(home)).close();
	await rm(join(home, "locks"), { recursive: true });
	await writeFile(join(home, "locks"), "");
	return home;
}

const real = async (home: string, ...args: readonly string[]) =>
	cli(args, { backend: modules, env: { NODEBUILD_HOME: home } });

describe("a store that cannot be written", () => {
	it.each([[["prune"]], [["rmi", "web"]], [["bases", "build", "debian:12"]]])(
		"is no defect of nodebuild: %j",
		async (args) => {
			const home = await lockless();
			const { status, stderr } = await real(home, ...args);
			expect(stderr).toContain(`error[STORE_INVALID]: the store ${home} cannot be used: ENOTDIR`);
			expect(stderr).toContain("hint: something else lies where the store has its files");
			expect(status).toBe(7);
		},
	);

	it.each([[["images"]], [["bases"]], [["prune", "--dry-run", "--all"]]])("can be looked at: %j", async (args) => {
		const home = await lockless();
		expect(await real(home, ...args)).toMatchObject({ status: 0, stderr: "" });
	});
});

describe("commands that only look", () => {
	it.each([[["images"]], [["bases"]], [["prune", "--dry-run"]]])("make no store: %j", async (args) => {
		const folder = await tempDir();
		expect(await real(join(folder, "store"), ...args)).toMatchObject({ status: 0, stderr: "" });
		expect(await readdir(folder)).toEqual([]);
	});

	it.each([[["images"]], [["bases"]], [["prune"]], [["rmi", "web"]]])(
		"refuse somebody else's folder, and leave it alone: %j",
		async (args) => {
			const folder = await tempDir();
			await mkdir(join(folder, "letters"));
			const { status, stderr } = await real(folder, ...args);
			expect(stderr).toContain(`error[STORE_INVALID]: the store ${folder} cannot be used: expected a store`);
			expect(status).toBe(7);
			expect(await readdir(folder)).toEqual(["letters"]);
		},
	);
});
