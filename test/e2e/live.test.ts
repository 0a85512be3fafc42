/** Machines resumed where a layer was frozen, and what happens when that cannot be. */
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { build, outputOf } from "./support/build.ts";
import { makeProject } from "./support/project.ts";

const LINES = [
	"RUN echo kept > /dev/shm/kept; (while :; do sleep 1; done) >/dev/null 2>&1 & echo $! > /loop.pid",
	"RUN echo disk > /disk; date +%s > /frozen-at",
];
/** Memory, processes and disk of the steps before are there, and the clock is right. */
const LOOK = "cat /dev/shm/kept /disk; kill -0 $(cat /loop.pid) && echo alive; date +%s";

test("a changed last line resumes the machine of the layer below, and boots where the state is damaged", async () => {
	const project = await makeProject(["FROM debian:12", ...LINES, "RUN echo first"].join("\n"));
	const args = ["-f", project.nodefile, "--live", "auto"];
	await build(args);

	await project.write("Nodefile", ["FROM debian:12", ...LINES, `RUN ${LOOK}`].join("\n"));
	const before = Math.floor(Date.now() / 1000);
	const resumed = await build(args);
	expect(resumed.tasks.filter((title) => title.startsWith("boot "))).toEqual([]);
	expect(resumed.tasks).toContainEqual(expect.stringMatching(/^resume the layer/));
	expect(resumed.ran).toEqual([`RUN ${LOOK}`]);
	const [kept, disk, alive, clock] = outputOf(resumed, LOOK).split("\n");
	expect([kept, disk, alive]).toEqual(["kept", "disk", "alive"]);
	expect(Number(clock)).toBeGreaterThanOrEqual(before);

	// Torn: the disk layer is the truth, so the build goes on from a boot with the same files.
	const layers = join(inject("home"), "layers");
	for (const layer of await readdir(layers))
		await truncate(join(layers, layer, "live", "devices"), 1000).catch(() => undefined);
	await project.write("Nodefile", ["FROM debian:12", ...LINES, "RUN cat /disk; ls /dev/shm"].join("\n"));
	const booted = await build(args);
	expect(booted.tasks).toContainEqual(expect.stringMatching(/^boot from the layer/));
	expect(outputOf(booted, "RUN cat /disk")).toBe("disk\n");
});
