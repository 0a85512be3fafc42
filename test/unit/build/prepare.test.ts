import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { chainOf } from "../../../src/build/chain.ts";
import { prepare, type ResolveRoot } from "../../../src/build/prepare.ts";
import type { BuildOptions } from "../../../src/build/types.ts";
import { builtinMap } from "../../../src/bases/map.ts";
import { parseReference } from "../../../src/bases/resolve.ts";
import { digestOf } from "../../../src/digest.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { openStore } from "../../../src/layers/store.ts";
import { tempDir } from "../system/child.ts";

const GIB = 1024 ** 3;

/** A folder with a Nodefile and its context, and a store of its own. */
async function project(text: string, files: Readonly<Record<string, string>> = {}) {
	const folder = await tempDir();
	const home = await tempDir();
	const write = (name: string, content: string): Promise<void> => writeFile(join(folder, name), content);
	await write("Nodefile", text);
	for (const [name, content] of Object.entries(files)) await write(name, content);
	const events: BuildEvent[] = [];
	const asked: string[] = [];
	const lacks: string[] = [];
	const resolveRoot: ResolveRoot = async (ref, at, option, lack) => {
		asked.push(ref);
		if (lack !== undefined) lacks.push(`${lack.code} ${lack.at?.line}`);
		const [, name, gibibytes = "0"] = /^(\w+)-of-(\d+)G$/.exec(ref) ?? [];
		if (ref.startsWith("unknown"))
			parseReference(ref, { map: builtinMap(), directory: folder, at, ...(option && { option }) });
		const family = ref === "alpine" ? "alpine" : "debian";
		const root = { kind: "bases", digest: digestOf(name ?? ref), ref, family } as const;
		const virtualSize = Math.max(1, Number(gibibytes) * GIB);
		return {
			...root,
			architecture: "x86_64",
			disk: "/d",
			virtualSize,
			planned: { ref, digest: root.digest, family, virtualSize },
		};
	};
	const run = async (more: Partial<BuildOptions> = {}) => {
		const options: BuildOptions = {
			nodefile: join(folder, "Nodefile"),
			context: folder,
			tags: [],
			buildArgs: {},
			noCache: false,
			outputs: [],
			memory: 512,
			cpus: 1,
			baseMaps: [],
			offline: true,
			labels: {},
			verify: false,
			shellOnError: false,
			home,
			platform: "linux/amd64",
			signal: new AbortController().signal,
			emit: (event) => events.push(event),
			...more,
		};
		await using store = await openStore(home);
		const prepared = await prepare(options, store, resolveRoot);
		return { ...prepared, chain: chainOf(prepared.plan, prepared.plan.target) };
	};
	const keys = async (more: Partial<BuildOptions> = {}): Promise<string[]> => {
		const { chain, plan } = await run(more);
		return [chain.rootKey, ...chain.layered.map(({ key }) => key), plan.imageKey];
	};
	return { run, keys, write, events, asked, lacks, folder };
}

const TEXT = "FROM debian:12\nCOPY a /a\nRUN one\nRUN two\n";

describe("keys", () => {
	test("are the same for the same files, and other ones from the changed line on", async () => {
		const { keys, write } = await project(TEXT, { a: "1" });
		const before = await keys();
		expect(await keys()).toEqual(before);
		await write("Nodefile", TEXT.replace("two", "three"));
		const after = await keys();
		expect(after.slice(0, 3)).toEqual(before.slice(0, 3));
		expect([after[3], after[4]]).not.toEqual([before[3], before[4]]);
	});

	test("follow the content of copied files", async () => {
		const { keys, write } = await project(TEXT, { a: "1", b: "1" });
		const before = await keys();
		await write("b", "2");
		expect(await keys()).toEqual(before);
		await write("a", "another");
		const after = await keys();
		expect(after[0]).toBe(before[0]);
		expect(after[1]).not.toBe(before[1]);
	});
});

describe("the disk's size", () => {
	const large = "FROM base-of-20G\nRUN one\n";

	test("is refused where the base is larger, with both sizes", async () => {
		const { run } = await project(large);
		await expect(run({ diskSize: 10 * GIB })).rejects.toMatchObject({
			code: "USAGE",
			message:
				"expected --disk-size to be at least the base's size, 20.0 GiB (base-of-20G), got 10.0 GiB: a disk cannot be made smaller",
			hint: expect.stringContaining("leave --disk-size away"),
		});
		expect((await run({ diskSize: 20 * GIB })).diskSize).toBe(20 * GIB);
	});

	test("is refused in the Nodefile too, at its line", async () => {
		const { run } = await project(`# nodebuild=disk-size=10G\n${large}`);
		await expect(run()).rejects.toMatchObject({
			code: "NODEFILE_INVALID",
			message: expect.stringContaining("expected disk-size to be at least the base's size, 20.0 GiB"),
			at: { line: 1 },
		});
	});

	test("may be less than what another stage is FROM", async () => {
		const { run } = await project(`FROM base-of-20G AS tools\nRUN one\nFROM debian:12\nCOPY --from=tools /a /\n`);
		expect((await run({ diskSize: 10 * GIB })).diskSize).toBe(10 * GIB);
	});

	test("nobody asked for changes no key where the base is larger anyhow", async () => {
		const { keys } = await project(large);
		expect(await keys()).toEqual(await keys({ diskSize: 20 * GIB }));
		expect(await keys({ diskSize: 21 * GIB })).not.toEqual(await keys({ diskSize: 20 * GIB }));
	});
});

describe("an unknown source", () => {
	test.each([
		["COPY --from=unknown /a /a", "expected COPY --from to name a stage above, an image, a known base,"],
		[
			"RUN --mount=from=unknown,target=/m true",
			"expected RUN --mount=from to name a stage above, an image, a known base,",
		],
	])("is said to be one: %s", async (line, message) => {
		const { run } = await project(`FROM debian:12 AS unknwon\nRUN one\nFROM debian:12\n${line}\n`);
		await expect(run()).rejects.toMatchObject({
			code: "BASE_UNKNOWN",
			message: expect.stringContaining(message),
			hint: expect.stringMatching(/^did you mean the stage "unknwon"\?/),
			at: { line: 4 },
		});
	});

	test("of a FROM is still a FROM's", async () => {
		const { run } = await project("FROM unknown\n");
		await expect(run()).rejects.toMatchObject({
			message: expect.stringContaining("expected FROM to name a known base,"),
		});
	});
});

describe("--no-cache", () => {
	test("makes every step anew, and later builds use what it made", async () => {
		const { keys } = await project(TEXT, { a: "1" });
		const before = await keys();
		const renewed = await keys({ noCache: true });
		expect(renewed.slice(1).filter((key) => before.includes(key))).toEqual([]);
		expect(await keys()).toEqual(renewed);
		const again = await keys({ noCache: true });
		expect(again.slice(1).filter((key) => renewed.includes(key))).toEqual([]);
	});

	test("counts for a build that goes on differently after the same first step", async () => {
		const { keys, write } = await project(TEXT, { a: "1" });
		const before = await keys();
		await keys({ noCache: true });
		await write("Nodefile", `${TEXT}RUN more\n`);
		expect((await keys())[1]).not.toBe(before[1]);
		await write("Nodefile", TEXT.replace("COPY a /a", "RUN other"));
		const other = await keys();
		expect(await keys()).toEqual(other);
	});
});

test("files of a COPY are found again for the machine", async () => {
	const { run } = await project("FROM debian:12\nCOPY a b /x/\nCOPY <<T /t\ntext\nT\n", { a: "1", b: "22" });
	const { chain, copyOf } = await run();
	const copies = chain.layered.flatMap(({ effects }) =>
		effects.flatMap((effect) => (effect.kind === "copy" ? [effect] : [])),
	);
	const found = await Promise.all(copies.map(({ request }) => copyOf(request)));
	expect(found[0]?.sources.map(({ name }) => name)).toEqual(["a", "b"]);
	expect(found[0]?.digest).toBe(copies[0]?.content);
	expect(Buffer.from(found[1]?.sources[0]?.entries[0]?.content ?? []).toString()).toBe("text\n");
	expect(found[1]?.bytes).toBe(5);
});

test("a base is asked for by its name, and kept with what it resolved to", async () => {
	const { run, asked } = await project("ARG V=12\nFROM debian:$V AS a\nFROM a\nRUN x\n");
	const { roots } = await run();
	expect(new Set(asked)).toEqual(new Set(["debian:12"]));
	expect([...roots.keys()]).toEqual(["debian:12"]);
	expect((await run({ buildArgs: { V: "13" } })).roots.has("debian:13")).toBe(true);
});

describe("is refused", () => {
	test.each([
		["FROM debian:12\nADD https://example.org/x /x", {}, "SOURCE_UNAVAILABLE", 2],
		["FROM debian:12\nADD git@example.org:x.git /x", {}, "SOURCE_UNAVAILABLE", 2],
		["FROM debian:12\nADD https://example.org/x.git?what=1 /x", {}, "NODEFILE_INVALID", 2],
		["FROM alpine\nRUN x", {}, "UNSUPPORTED", 1],
		["FROM debian:12\nRUN x", { platform: "linux/arm64" }, "UNSUPPORTED", 1],
		["FROM debian:12\nRUN x\nCOPY none /", {}, "COPY_SOURCE_MISSING", 3],
		["# check=error=true\nFROM debian:12\nrun x\nRUN y", {}, "NODEFILE_INVALID", 3],
		["# check=error=true\nFROM debian:12\nUSER $X", {}, "NODEFILE_INVALID", 3],
		["FROM debian:12\nNOSUCH x", {}, "NODEFILE_INVALID", 2],
	] as const)("%j with %j at its line", async (text, options, code, line) => {
		const { run } = await project(text);
		await expect(run(options)).rejects.toMatchObject({ code, at: { line, file: expect.stringContaining("Nodefile") } });
	});

	test("before anything is fetched", async () => {
		const { run, asked } = await project("FROM debian:12 AS base\nRUN x\nFROM scratch\nADD https://example.org/x /x");
		await expect(run()).rejects.toMatchObject({ code: "UNSUPPORTED" });
		expect(asked).toEqual([]);
	});

	test("a Nodefile that is not there or cannot be read, with how to name another", async () => {
		const { run, folder } = await project("FROM debian:12");
		await mkdir(join(folder, "dir"));
		for (const name of ["none", "dir"]) {
			const nodefile = join(folder, name);
			await expect(run({ nodefile })).rejects.toMatchObject({
				code: "NODEFILE_NOT_FOUND",
				message: expect.stringContaining(nodefile),
				hint: expect.stringContaining("-f"),
			});
		}
	});
});

test("a Nodefile in UTF-16 is said to be one", async () => {
	const { run, folder } = await project("FROM debian:12");
	await writeFile(join(folder, "Nodefile"), Buffer.from("\uFEFFFROM debian:12\r\n", "utf16le"));
	await expect(run()).rejects.toMatchObject({
		code: "NODEFILE_SYNTAX",
		message: expect.stringContaining("got UTF-16"),
	});
});

test.each([
	["in RUN", "FROM debian:12\nRUN echo gr\xfcn\n", { line: 2, column: 12 }],
	["on a continued line", "FROM debian:12\nRUN true \\\n  gr\xfcn\n", { line: 3, column: 5 }],
	["in a heredoc", "FROM debian:12\nCOPY <<EOF /a\ngr\xfcn\nEOF\n", { line: 3, column: 3 }],
	["as NUL", "FROM debian:12\nRUN printf a\0b\n", { line: 2, column: 13 }],
])("bytes that are no text are refused where they stand: %s", async (_where, text, at) => {
	const { run, folder } = await project("FROM debian:12");
	await writeFile(join(folder, "Nodefile"), Buffer.from(text, "latin1"));
	await expect(run()).rejects.toMatchObject({ code: "NODEFILE_SYNTAX", at });
});

test.each([
	["not UTF-8", "# gr\xfcn\nFROM debian:12\nRUN true \\\n# gr\xfcn\n  x\n"],
	["NUL", "# \0\nFROM debian:12\nLABEL a=\0\nCOPY <<EOF /a\n\0\nEOF\n"],
])("bytes that do no harm pass: %s", async (_what, text) => {
	const { run, folder } = await project("FROM debian:12");
	await writeFile(join(folder, "Nodefile"), Buffer.from(text, "latin1"));
	await run();
});

test("a Nodefile without an end is not read for ever", async () => {
	const { run } = await project("FROM debian:12");
	await expect(run({ nodefile: "/dev/zero" })).rejects.toMatchObject({
		code: "NODEFILE_SYNTAX",
		message: "expected /dev/zero to be a text of at most 16.0 MiB, got more",
	});
});

test("warnings of the text and of the context are told with their line", async () => {
	const { run, events } = await project("FROM debian:12\nrun x\nRUN y\nCOPY a *.none /x/\n", { a: "1" });
	await run();
	const warnings = events.flatMap((event) => (event.type === "warning" ? [event] : []));
	expect(warnings).toContainEqual(
		expect.objectContaining({ rule: expect.any(String), at: expect.objectContaining({ line: 2 }) }),
	);
	expect(warnings.map(({ message }) => message)).toContainEqual(expect.stringContaining("*.none"));
	expect(new Set(warnings.map(({ message, at }) => `${message} ${at?.line}`)).size).toBe(warnings.length);
});

describe("Ansible roles", () => {
	const text = "# nodebuild=profile=kubernetes\nFROM debian:12\nARG node_custom_roles_post\n";

	test("are found beside the Nodefile, and are in the key", async () => {
		const { run, folder, keys } = await project(text);
		const write = (content: string) => writeFile(join(folder, "roles/x/tasks/main.yml"), content);
		await mkdir(join(folder, "roles/x/tasks"), { recursive: true });
		await write("[]");
		const none = await keys();
		const options = { buildArgs: { node_custom_roles_post: "x" } };
		const { rolesOf, chain } = await run(options);
		expect(chain.layered).toHaveLength(1);
		expect(await rolesOf(["x"])).toMatchObject({ folders: expect.arrayContaining([join(folder, "roles")]) });
		const before = await keys(options);
		await write("- debug:");
		expect(new Set([none.at(-1), before.at(-1), (await keys(options)).at(-1)]).size).toBe(3);
		const elsewhere = await project(text);
		const trail = [join(folder, "Nodefile")];
		expect(await elsewhere.keys({ ...options, trail })).toEqual(await keys(options));
		elsewhere.asked.length = 0;
		await expect(elsewhere.run(options)).rejects.toMatchObject({ code: "CONTEXT_INVALID", at: { line: 3 } });
		expect(elsewhere.asked).toEqual([]);
	});

	test("that this host cannot run are told to whoever would fetch or build the base", async () => {
		const { run, folder, lacks } = await project(text);
		await mkdir(join(folder, "roles/x/tasks"), { recursive: true });
		vi.stubEnv("PATH", "/nowhere");
		onTestFinished(() => void vi.unstubAllEnvs());
		await run();
		expect(lacks).toEqual([]);
		await run({ buildArgs: { node_custom_roles_post: "x" } });
		expect(lacks).toEqual(["HOST_TOOL_MISSING 3"]);
	});
});
