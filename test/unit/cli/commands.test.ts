import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { cli, IMAGE } from "./harness.ts";

describe("images", () => {
	const untagged = { ...IMAGE, created: "2026-01-02T23:00:00.000Z", tags: [] };
	const answers = { images: async () => [IMAGE, untagged] };

	it("are a table, newest first", async () => {
		expect((await cli(["images"], { answers })).stdout).toBe(
			[
				"REPOSITORY   TAG      IMAGE ID       BASE        CREATED      SIZE",
				"<none>       <none>   1234567890ab   debian:12   1 hour ago   100.0 MiB of 10.0 GiB",
				"web          latest   1234567890ab   debian:12   2 days ago   100.0 MiB of 10.0 GiB",
				"",
			].join("\n"),
		);
	});

	it("are ids, or JSON", async () => {
		expect((await cli(["images", "-q"], { answers })).stdout).toBe(`${IMAGE.id}\n${IMAGE.id}\n`);
		expect(JSON.parse((await cli(["ls", "--json"], { answers })).stdout)).toEqual([untagged, IMAGE]);
		expect(JSON.parse((await cli(["inspect", "web"])).stdout)).toEqual({ ...IMAGE, written: [] });
	});

	it("have the last file that a build wrote in their catalog's entry", async () => {
		const file = (path: string) => ({ path, size: 7, checksum: IMAGE.id });
		const image = async () => ({ ...IMAGE, written: [file("/out/old.raw"), file("/out/web.qcow2")] });
		const { stdout } = await cli(["inspect", "--catalog", "web"], { answers: { image } });
		expect(JSON.parse(stdout).file).toEqual(file("/out/web.qcow2"));
		expect(JSON.parse((await cli(["inspect", "--catalog", "web"])).stdout).file).toBeUndefined();
	});
});

describe("run", () => {
	it.each([
		[["run", "web", "--ssh", "-p", "8080:80"], { image: "web", ssh: true, publish: [{ host: 8080, guest: 80 }] }],
		[["run", "--ssh", "-p", "8080:80", "web"], { image: "web", ssh: true, publish: [{ host: 8080, guest: 80 }] }],
		[["run", "web", "ls", "-la"], { image: "web", ssh: false, command: ["ls", "-la"] }],
		[["run", "web", "--", "--odd", "-la"], { image: "web", command: ["--odd", "-la"] }],
		[["run", "web", "-P", "--memory", "2G", "id", "-u"], { publishAll: true, memory: 2048, command: ["id", "-u"] }],
	])("nodebuild %j", async (args, expected) => {
		const { options, stderr } = await cli(args);
		expect(stderr).toBe("");
		expect(options).toMatchObject(expected);
	});

	it("ends with the status of what ran in the machine", async () => {
		expect((await cli(["run", "web", "false"], { answers: { run: async () => 42 } })).status).toBe(42);
	});
});

describe("shell", () => {
	it.each([
		["3", 3],
		["apt-get", "apt-get"],
	])("--step %s", async (text, wanted) => {
		const folder = mkdtempSync(join(tmpdir(), "nodebuild-cli-"));
		writeFileSync(join(folder, "Nodefile"), "FROM debian:12\n");
		const { options } = await cli(["shell", "--step", text], { cwd: folder });
		expect(options.step).toBe(wanted);
		rmSync(folder, { recursive: true });
	});
});

describe("plan", () => {
	const report = {
		plan: { platform: "linux/amd64", stages: [], target: 0, imageKey: IMAGE.key },
		steps: [
			{ title: "RUN apt-get update", key: IMAGE.key, state: "cached" },
			{ title: "ENV A=1", key: IMAGE.key, state: "config" },
			{ title: "RUN <<EOF\nmake\nEOF", key: IMAGE.layer, state: "run" },
		],
		needed: [],
		base: { ref: "debian:12", state: "ready" },
		start: "the layer of RUN apt-get update",
		image: "build",
	} as const;

	it("is a table or JSON", async () => {
		const folder = mkdtempSync(join(tmpdir(), "nodebuild-cli-"));
		writeFileSync(join(folder, "Nodefile"), "FROM debian:12\n");
		const setting = { cwd: folder, answers: { explain: async () => report } };
		expect((await cli(["plan"], setting)).stdout).toBe(
			[
				"base debian:12: ready",
				"STEP   STATE    KEY            INSTRUCTION",
				"1      cached   aaaaaaaaaaaa   RUN apt-get update",
				"2      config   aaaaaaaaaaaa   ENV A=1",
				"3      run      bbbbbbbbbbbb   RUN <<EOF make EOF",
				"1 step would run; start: the layer of RUN apt-get update",
				"",
			].join("\n"),
		);
		expect(JSON.parse((await cli(["plan", "--json"], setting)).stdout)).toEqual({ ...report, formatVersion: 1 });
		rmSync(folder, { recursive: true });
	});

	it("shows the stages that are needed above the target's steps, without numbers", async () => {
		const folder = mkdtempSync(join(tmpdir(), "nodebuild-cli-"));
		writeFileSync(join(folder, "Nodefile"), "FROM debian:12\n");
		const needed = [{ stage: "web", title: "RUN make", key: IMAGE.key, state: "run" }] as const;
		const setting = { cwd: folder, answers: { explain: async () => ({ ...report, needed }) } };
		const [, ...rows] = (await cli(["plan"], setting)).stdout.split("\n");
		expect(rows.slice(0, 3)).toEqual([
			"STEP   STAGE   STATE    KEY            INSTRUCTION",
			"       web     run      aaaaaaaaaaaa   RUN make",
			"1              cached   aaaaaaaaaaaa   RUN apt-get update",
		]);
		expect(rows).toContain("2 steps would run; start: the layer of RUN apt-get update");
		rmSync(folder, { recursive: true });
	});
});

describe("rmi, tag, prune", () => {
	it("say what they did", async () => {
		expect((await cli(["rmi", "a", "b", "--force"])).stdout).toBe(
			["a", "b"].map((name) => `Untagged: ${name}\nDeleted: ${IMAGE.id} (1.0 MiB)\n`).join(""),
		);
		expect((await cli(["tag", "web", "shop"])).calls).toEqual([
			{ name: "tag", args: ["/store", "web", "shop:latest"] },
		]);
		const removed = [{ kind: "layers", id: "layers/a", title: "RUN make", size: 2048 }] as const;
		const answers = { prune: async () => ({ removed, freed: 2048, dryRun: true }) };
		const { calls, stdout } = await cli(["prune", "-a", "--older-than", "7d", "--keep-storage", "5G"], { answers });
		expect(calls).toMatchObject([{ args: ["/store", { all: true, olderThan: 604_800_000, keepBytes: 5 * 2 ** 30 }] }]);
		expect(stdout).toBe("KIND     SIZE      WHAT\nlayers   2.0 KiB   RUN make\nwould free 2.0 KiB\n");
	});

	it("end with the error's status", async () => {
		const remove = async (): Promise<never> => {
			throw new NodebuildError({
				code: "IMAGE_NOT_FOUND",
				message: "there is no image wbe",
				hint: "did you mean web?",
			});
		};
		expect(await cli(["rmi", "wbe"], { answers: { remove } })).toMatchObject({
			status: 8,
			stderr: "error[IMAGE_NOT_FOUND]: there is no image wbe\nhint: did you mean web?\n",
		});
	});

	it("go on with the others when one of them is not there, or in use", async () => {
		const remove = async (_home: string, name: string) => {
			if (name === "gone") throw new NodebuildError({ code: "IMAGE_NOT_FOUND", message: "there is no image gone" });
			if (name === "busy") throw new NodebuildError({ code: "IMAGE_IN_USE", message: "the image busy is in use" });
			return { untagged: [name], freed: 0 };
		};
		expect(await cli(["rmi", "a", "gone", "b", "busy", "c"], { answers: { remove } })).toMatchObject({
			status: 8,
			stdout: "Untagged: a\nUntagged: b\nUntagged: c\n",
			stderr: "error[IMAGE_NOT_FOUND]: there is no image gone\nerror[IMAGE_IN_USE]: the image busy is in use\n",
		});
	});

	it("stop where nothing can be removed", async () => {
		const remove = async (): Promise<never> => {
			throw new NodebuildError({ code: "STORE_INVALID", message: "the store cannot be used" });
		};
		expect(await cli(["rmi", "a", "b"], { answers: { remove } })).toMatchObject({
			status: 7,
			stderr: "error[STORE_INVALID]: the store cannot be used\n",
		});
	});
});

describe("bases", () => {
	const ready = {
		version: 1,
		digest: IMAGE.base,
		ref: "debian:12",
		family: "debian",
		architecture: "amd64",
		source: "bootstrap",
		created: IMAGE.created,
		sourceFormat: "raw",
		virtualSize: 2 ** 31,
		verified: "booted",
	} as const;

	it("list by default, build on demand", async () => {
		const row = {
			ref: "debian:12",
			aliases: ["debian:bookworm"],
			architecture: "amd64",
			source: "https://example.com/d",
		};
		const answers = {
			bases: async () => [
				{ ...row, ready },
				{ ...row, ref: "debian:13", bootstrap: true },
			],
			buildBase: async () => ready,
		};
		const { stdout, options } = await cli(["bases", "--offline", "--base-map", "a.json"], { answers });
		expect(options).toMatchObject({ offline: true, baseMaps: ["a.json"], home: "/store" });
		expect(stdout).toContain("debian:12   amd64   cccccccccccc booted   debian:bookworm   bootstrap\n");
		expect(stdout).toContain(
			"debian:13   amd64   -                     debian:bookworm   https://example.com/d, or bootstrap\n",
		);
		expect(JSON.parse((await cli(["bases", "list", "--json"], { answers })).stdout)).toHaveLength(2);
		const built = await cli(["bases", "build", "debian:12", "--platform", "linux/arm64"], { answers });
		expect(built.options).toMatchObject({ ref: "debian:12", platform: "linux/arm64" });
		expect(built.stdout).toBe(`debian:12 ${ready.digest} (bootstrap, booted)\n`);
	});
});

describe("verify", () => {
	it("ends with 9 when a check fails", async () => {
		const rows = [{ name: "boot", passed: false, milliseconds: 1, detail: "kernel panic" }];
		const answers = { verify: async () => ({ image: "web", passed: false, rows }) };
		const { status, stdout } = await cli(["verify", "web"], { answers });
		expect(status).toBe(9);
		expect(stdout).toContain("kernel panic");
		expect(JSON.parse((await cli(["verify", "web", "--json"], { answers })).stdout)).toMatchObject({ passed: false });
		expect((await cli(["verify", "web"])).status).toBe(0);
	});
});
