/** Nodefiles that are FROM one another, as `nodebuild plan` sees them: no machine, no base is fetched. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { explain } from "../../../src/build/explain.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { tempDir } from "../system/child.ts";

const CHAIN = {
	"Nodefile.os": "FROM debian:12\nARG MOTD=hi\nENV TIER=os\nRUN echo $MOTD\n",
	"Nodefile.node": "FROM ./Nodefile.os\nARG VERSION=1\nCOPY file /file\nRUN install $VERSION\n",
	"Nodefile.worker": "FROM ./Nodefile.node\nRUN echo $TIER\n",
};

async function project(files: Readonly<Record<string, string>>) {
	const folder = await tempDir();
	const home = await tempDir();
	const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
	for (const [name, text] of Object.entries({ file: "1", ...files })) await write(name, text);
	const events: BuildEvent[] = [];
	const plan = (name: string, buildArgs: Readonly<Record<string, string>> = {}) =>
		explain({
			nodefile: join(folder, name),
			context: folder,
			tags: [],
			buildArgs,
			noCache: false,
			outputs: [],
			memory: 512,
			cpus: 1,
			baseMaps: [],
			offline: false,
			labels: {},
			verify: false,
			shellOnError: false,
			home,
			platform: "linux/amd64",
			signal: new AbortController().signal,
			emit: (event) => events.push(event),
		});
	const key = async (name: string, buildArgs?: Readonly<Record<string, string>>): Promise<string> =>
		(await plan(name, buildArgs)).plan.imageKey;
	return { plan, key, write, events };
}

describe("FROM another Nodefile", () => {
	test("starts from the image that it builds, with its configuration", async () => {
		const { plan } = await project(CHAIN);
		const worker = await plan("Nodefile.worker");
		const node = await plan("Nodefile.node");
		expect(worker.base).toEqual({ ref: "./Nodefile.node", state: "build" });
		expect(worker.plan.stages[0]?.root).toMatchObject({ kind: "base", digest: node.plan.imageKey });
		expect(worker.plan.stages[0]?.config.env).toContainEqual(["TIER", "os"]);
	});

	test("hands build arguments to the Nodefiles that declare them, and to no other", async () => {
		const { key } = await project(CHAIN);
		const before = [await key("Nodefile.os"), await key("Nodefile.node"), await key("Nodefile.worker")];
		const version = { VERSION: "2" };
		expect(await key("Nodefile.os", version)).toBe(before[0]);
		expect(await key("Nodefile.node", version)).not.toBe(before[1]);
		expect(await key("Nodefile.worker", version)).not.toBe(before[2]);
		const motd = { MOTD: "ho" };
		expect(await key("Nodefile.os", motd)).not.toBe(before[0]);
		expect(await key("Nodefile.worker", motd)).not.toBe(before[2]);
	});

	test("warns of a build argument only when no Nodefile of the chain declares it", async () => {
		const { plan, events } = await project(CHAIN);
		await plan("Nodefile.worker", { VERSION: "2", MOTD: "ho", VERSON: "3" });
		const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
		expect(warnings).toEqual(["One or more build-args [VERSON] were not consumed (did you mean VERSION?)"]);
	});

	test("warns of no variable that the profile of the other Nodefile takes", async () => {
		const { plan, events } = await project({
			"Nodefile.worker": "# nodebuild=profile=kubernetes;role=worker\nFROM debian:12\nARG KUBERNETES_VERSION\n",
			"Nodefile.own": "FROM ./Nodefile.worker\nRUN true\n",
		});
		await plan("Nodefile.own", { CNI: "calico", KUBERNETES_VERSION: "1.34.2", CNI_VERSON: "3.31.0" });
		const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
		expect(warnings).toEqual(["One or more build-args [CNI_VERSON] were not consumed (did you mean CNI_VERSION?)"]);
	});

	test("follows changes of files that the other Nodefile copies", async () => {
		const { key, write } = await project(CHAIN);
		const before = await key("Nodefile.worker");
		await write("file", "2");
		expect(await key("Nodefile.worker")).not.toBe(before);
	});

	test("refuses a circle, and names the way round", async () => {
		const { plan } = await project({
			"Nodefile.a": "FROM ./Nodefile.b\n",
			"Nodefile.b": "FROM ./Nodefile.c\n",
			"Nodefile.c": "FROM ./Nodefile.b\n",
		});
		await expect(plan("Nodefile.a")).rejects.toMatchObject({
			code: "NODEFILE_INVALID",
			message: expect.stringMatching(/circle: \S*Nodefile\.b -> \S*Nodefile\.c -> \S*Nodefile\.b$/),
			at: { line: 1 },
		});
	});

	test("says where the missing one is asked for", async () => {
		const { plan } = await project({ "Nodefile.a": "FROM ./Nodefile.lost\n" });
		await expect(plan("Nodefile.a")).rejects.toMatchObject({ code: "NODEFILE_NOT_FOUND", at: { line: 1 } });
	});
});
