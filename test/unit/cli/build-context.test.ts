import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { namedContext, parseBuildContext } from "../../../src/cli/build-context.ts";
import { tempDir } from "../system/child.ts";

describe("--build-context", () => {
	test("is a name and what it stands for", () => {
		expect(parseBuildContext("a=b=c")).toEqual(["a", "b=c"]);
		for (const text of ["a", "=b", "a=", ""]) expect(() => parseBuildContext(text)).toThrow("NAME=PATH");
	});

	test("is a folder that is there, else what FROM understands", async () => {
		const cwd = await tempDir();
		await mkdir(join(cwd, "dir"));
		await writeFile(join(cwd, "disk.qcow2"), "");
		const of = (value: string) => namedContext(["n", value], cwd);
		expect(of("dir")).toEqual({ kind: "folder", path: join(cwd, "dir") });
		expect(of("./dir/")).toEqual({ kind: "folder", path: join(cwd, "dir") });
		expect(of("debian:12")).toEqual({ kind: "image", ref: "debian:12" });
		expect(of("docker-image://dir")).toEqual({ kind: "image", ref: "dir" });
		expect(of("./disk.qcow2")).toEqual({ kind: "image", ref: join(cwd, "disk.qcow2") });
		expect(of("https://example.org/disk.qcow2")).toEqual({ kind: "image", ref: "https://example.org/disk.qcow2" });
		expect(() => of("../none")).toThrow(expect.objectContaining({ code: "CONTEXT_INVALID" }));
		for (const value of ["https://example.org/r.git", "git@example.org:r", "oci-layout:///x"])
			expect(() => of(value)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
	});
});
