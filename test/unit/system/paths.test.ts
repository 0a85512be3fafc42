import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readEnvironment } from "../../../src/system/env.ts";
import { socketDir } from "../../../src/system/paths.ts";
import { tempDir } from "./child.ts";

test("sockets get a short folder of their own, private to the user", async () => {
	const runtime = await tempDir();
	const path = await socketDir(readEnvironment({ XDG_RUNTIME_DIR: runtime }));
	expect(dirname(path)).toBe(runtime);
	expect((await stat(path)).mode & 0o777).toBe(0o700);
	expect(Buffer.byteLength(join(path, "twenty-three-bytes.sock"))).toBeLessThan(108);
	expect(await socketDir(readEnvironment({ XDG_RUNTIME_DIR: runtime }))).not.toBe(path);
});

test("a runtime folder that is too long or missing is passed over", async () => {
	const long = join(await tempDir(), "x".repeat(80));
	await mkdir(long);
	const temp = await tempDir();
	const path = await socketDir(readEnvironment({ XDG_RUNTIME_DIR: long, TMPDIR: temp }));
	expect(dirname(path)).toBe(temp);
	const last = await socketDir(readEnvironment({ XDG_RUNTIME_DIR: "/absent/run", TMPDIR: long }));
	expect(dirname(last)).toBe("/tmp");
	await rm(last, { recursive: true });
});

test("what killed builds left is removed", async () => {
	const runtime = await tempDir();
	const environment = readEnvironment({ XDG_RUNTIME_DIR: runtime });
	const first = await socketDir(environment);
	const dead = basename(first).replace(/^nb-\d+\.\d+/, "nb-1.1");
	await mkdir(join(runtime, dead));
	const second = await socketDir(environment);
	expect((await readdir(runtime)).sort()).toEqual([basename(first), basename(second)].sort());
});
