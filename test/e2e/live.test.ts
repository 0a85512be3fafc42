/** Machines resumed where a layer was frozen, what happens when that cannot be, and that nothing of it shows in images. */
import { randomUUID } from "node:crypto";
import { readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { type Build, build, outputOf, tryBuild } from "./support/build.ts";
import { nodebuild, succeed } from "./support/command.ts";
import { makeProject, type Project } from "./support/project.ts";
import { leftovers, privateStore } from "./support/store.ts";
import { differences, treeOf } from "./support/tree.ts";

/** How each machine of a build came up. */
function starts({ tasks }: Build): readonly string[] {
	return tasks.flatMap((title) => /^(boot|resume) /.exec(title)?.[1] ?? []);
}

describe("a machine is resumed", () => {
	const STEPS = [
		"RUN echo kept > /dev/shm/kept; (while :; do sleep 1; done) >/dev/null 2>&1 & echo $! > /loop.pid",
		"RUN echo disk > /disk",
	];
	/** Memory, processes and disk of the steps before are there, and the clock is right. */
	const LOOK = "cat /dev/shm/kept /disk; kill -0 $(cat /loop.pid) && echo alive; date +%s";
	let project: Project;
	let args: readonly string[];
	const write = (...last: readonly string[]): Promise<void> =>
		project.write("Nodefile", [BASE_PREFIX.trim(), `ENV E2E_RUN=${RUN_ID}`, ...STEPS, ...last, ""].join("\n"));
	const RUN_ID = randomUUID();

	beforeAll(async () => {
		project = await makeProject("");
		args = ["-f", project.nodefile];
	});

	it("after a step that failed, for the retry and for a shell", async () => {
		await write("RUN echo before; false");
		const failed = await tryBuild(args);
		expect(failed.status).toBe(5);
		expect(starts(failed)).not.toContain("boot");

		const shell = await nodebuild(["shell", ...args], { stdin: `${LOOK}\nexit\n` });
		expect(shell.stderr).toMatch(/resume the layer/);

		const before = Math.floor(Date.now() / 1000);
		await write(`RUN ${LOOK}`);
		const retry = await build(args);
		expect(starts(retry)).toEqual(["resume"]);
		expect(retry.ran).toEqual([`RUN ${LOOK}`]);
		const [kept, disk, alive, clock] = outputOf(retry, LOOK).split("\n");
		expect([kept, disk, alive]).toEqual(["kept", "disk", "alive"]);
		expect(Number(clock)).toBeGreaterThanOrEqual(before);
	});

	it("and booted where the state is torn, with the same files", async () => {
		const layers = join(inject("home"), "layers");
		for (const layer of await readdir(layers))
			for (const state of await readdir(join(layers, layer, "live")).catch(() => []))
				await truncate(join(layers, layer, "live", state, "devices"), 1000);
		await write("RUN cat /disk; ls /dev/shm");
		const booted = await build(args);
		// From then on there is a state again.
		expect(starts(booted)).toEqual(["resume", "boot", "resume"]);
		expect(outputOf(booted, "RUN cat /disk")).toBe("disk\n");
	});
});

/** Nothing here depends on anything but itself. */
const NODEFILE = `${BASE_PREFIX}ARG WAY
RUN mkdir /srv/tree && seq 1 20000 > /srv/tree/numbers && chmod 2750 /srv/tree
COPY file /srv/copied/
RUN groupadd --system made && chgrp made /srv/copied/file && ln -s numbers /srv/tree/link
RUN systemctl --version > /srv/tree/systemd && (sleep 3000 &) && echo background
RUN find /srv -type f -exec sha256sum {} + | sort > /srv/manifest
CMD ["sleep", "infinity"]
`;

describe("the same image comes of", () => {
	const STEPS = 5;
	let project: Project;
	let out: string;
	let home: string;
	const trees = new Map<string, ReadonlyMap<string, string>>();

	/** The Nodefile's image, one step more with each build. */
	async function buildUp(way: string, live: string): Promise<readonly Build[]> {
		const builds: Build[] = [];
		const [from = "", arg = "", ...lines] = NODEFILE.trimEnd().split("\n");
		for (let count = 1; count <= STEPS; count++) {
			await project.write("Nodefile", [from, arg, ...lines.slice(0, count), lines.at(-1), ""].join("\n"));
			builds.push(await build([...argsOf(way), "--live", live], { home }));
		}
		await keepTree(way);
		return builds;
	}

	/** None of the ways finds another's layers. */
	function argsOf(way: string): readonly string[] {
		return ["-f", project.nodefile, "--build-arg", `WAY=${way}`];
	}

	async function keepTree(way: string): Promise<void> {
		const raw = join(out, `${way}.raw`);
		await succeed(["build", ...argsOf(way), "-o", `type=raw,sha256=false,dest=${raw}`], { home });
		trees.set(way, await treeOf(raw, join(out, "scratch")));
		await rm(raw);
	}

	beforeAll(async () => {
		project = await makeProject("", { file: "content\n" });
		out = (await makeProject("")).folder;
		home = await privateStore();
	});

	it("one machine for all steps, resumed machines, and machines booted from the disk at every step", async () => {
		await project.write("Nodefile", NODEFILE);
		const cold = await build([...argsOf("cold"), "--live", "never"], { home });
		expect(starts(cold)).toEqual(["boot"]);
		await keepTree("cold");
		const resumed = await buildUp("resumed", "always");
		expect(resumed.flatMap(starts)).not.toContain("boot");
		expect(resumed.map(starts)).not.toContainEqual([]);
		const booted = await buildUp("booted", "never");
		expect(booted.map(starts)).toEqual(Array(STEPS).fill(["boot"]));

		const plain = trees.get("cold") ?? new Map();
		expect(plain.size).toBeGreaterThan(10_000);
		for (const name of ["resumed", "booted"])
			expect(
				differences(plain, trees.get(name) ?? new Map()).filter((line) => !line.includes("WAY")),
				name,
			).toEqual([]);
		expect(await leftovers(home)).toEqual([]);
	});
});
