/** Builds that are stopped, and machines that are lost: what is said, what ends, what is kept. */
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { build, readEvents } from "./support/build.ts";
import { type Running, start } from "./support/command.ts";
import { machinesOf } from "./support/machines.ts";
import { makeProject, type Project } from "./support/project.ts";
import { leftovers, lingering, privateStore, processesIn } from "./support/store.ts";

let home: string;

beforeAll(async () => {
	home = await privateStore();
});

/** Steps that no store knows yet. */
function project(...steps: readonly string[]): Promise<Project> {
	return makeProject([BASE_PREFIX.trim(), `ENV E2E_RUN=${randomUUID()}`, ...steps, ""].join("\n"));
}

function begin({ nodefile }: Pick<Project, "nodefile">, ...more: readonly string[]): Running {
	return start(["build", "-f", nodefile, "--progress", "json", ...more], { home, detached: true });
}

/** As a terminal does it: to every process of the group. */
function pressControlC(running: Running): void {
	process.kill(-running.pid, "SIGINT");
}

const FIRST = "RUN echo first > /first";
const LONG = "RUN echo has be''gun; sleep 3600";
const BEGUN = /"step-output".*has begun/;

describe("a build that is interrupted", () => {
	it("during a step ends with 130, ends the machine, cleans up, and keeps the finished steps", async () => {
		const { nodefile, write } = await project(FIRST, LONG);
		const running = begin({ nodefile });
		await running.waitFor(BEGUN);
		expect(await processesIn(home)).not.toEqual([]);
		pressControlC(running);
		const { status, stdout, stderr } = await running.outcome;
		expect(status).toBe(130);
		expect(stdout).toBe("");
		expect(stderr).toContain("interrupted: what was finished is kept");
		expect(await processesIn(home)).toEqual([]);
		expect(await leftovers(home)).toEqual([]);
		await write("Nodefile", (await readFile(nodefile, "utf8")).replace(LONG, "RUN cat /first"));
		const next = await build(["-f", nodefile], { home });
		expect(next.cached).toEqual([FIRST]);
		expect(next.ran).toEqual(["RUN cat /first"]);
	});

	it.each(["SIGTERM", "SIGHUP"] as const)(
		"by %s while the machine boots ends with 130 and cleans up",
		async (signal) => {
			const running = begin(await project(FIRST));
			await running.waitFor(/"task-log".*waiting for (SSH|the guest)/);
			process.kill(running.pid, signal);
			expect((await running.outcome).status).toBe(130);
			expect(await processesIn(home)).toEqual([]);
			expect(await leftovers(home)).toEqual([]);
		},
	);

	it("while the image is sealed, and then while it is written, goes on from there", async () => {
		const { nodefile, folder, path } = await project(FIRST);
		const sealing = begin({ nodefile });
		await sealing.waitFor(/"task-start".*seal the image/);
		pressControlC(sealing);
		expect((await sealing.outcome).status).toBe(130);
		expect(await processesIn(home)).toEqual([]);
		expect(await leftovers(home)).toEqual([]);

		const before = await readdir(folder);
		const writing = begin({ nodefile }, "-o", path("node.qcow2"));
		await writing.waitFor(/"task-progress"[^\n]*"total"/);
		pressControlC(writing);
		const { status, stderr } = await writing.outcome;
		expect(status).toBe(130);
		expect(readEvents(stderr).filter(({ type }) => type === "step-start")).toEqual([]);
		expect(await readdir(folder)).toEqual(before);
		expect(await lingering(folder)).toEqual([]);

		const next = await build(["-f", nodefile, "-o", path("node.qcow2")], { home });
		expect(next.result.cached).toBe(true);
	});

	it("a second time stops at once, and the next run removes what is left", async () => {
		const running = begin(await project(LONG));
		await running.waitFor(BEGUN);
		// Two signals of one kind may be delivered as one.
		process.kill(running.pid, "SIGINT");
		process.kill(running.pid, "SIGTERM");
		expect((await running.outcome).status).toBe(130);
		expect(await lingering(home)).toEqual([]);
		await build(["-f", (await makeProject(BASE_PREFIX)).nodefile], { home });
		expect(await leftovers(home)).toEqual([]);
	});
});

describe("a machine that is lost during a step", () => {
	it("because its QEMU was killed is reported with the end of its console", async () => {
		const { nodefile } = await project(FIRST, "RUN echo the last words > /dev/ttyS0", LONG);
		const running = begin({ nodefile });
		await running.waitFor(BEGUN);
		const [qemu] = await machinesOf(home);
		expect(qemu).toBeDefined();
		process.kill(qemu?.pid ?? Number.NaN, "SIGKILL");
		const { status, stderr } = await running.outcome;
		expect(status).toBe(6);
		expect(stderr).toContain("error[MACHINE_LOST]: the machine's QEMU process ended: killed by SIGKILL");
		expect(stderr).toContain(`--> ${nodefile}:5:1`);
		expect(stderr).toMatch(/the machine's console ended with:\n(?: {2}.*\n)* {2}the last words\n/);
		expect(stderr).toMatch(/hint: .*memory/);
		expect(await leftovers(home)).toEqual([]);
	});

	it.each(["RUN poweroff", "RUN poweroff -f -f; sleep 3600"])("because of %s says so", async (step) => {
		const { nodefile } = await project(step);
		const { status, stderr } = await begin({ nodefile }).outcome;
		expect(status).toBe(6);
		expect(stderr).toContain("error[MACHINE_LOST]: the machine was powered off from within");
		expect(stderr).toContain(`--> ${nodefile}:3:1`);
		expect(stderr).toMatch(/hint: .*reboot/);
		expect(await leftovers(home)).toEqual([]);
	});

	it("is not taken for done when a step ends the connection that would tell", async () => {
		const { nodefile } = await project(FIRST, "RUN pkill machine-access; sleep 5; false");
		const { status, stderr } = await begin({ nodefile }).outcome;
		expect(status).toBe(6);
		expect(stderr).toContain("error[MACHINE_LOST]: the connection to the machine broke while");
		expect(stderr).toContain(`--> ${nodefile}:4:1`);
		expect(await leftovers(home)).toEqual([]);
	});
});

it("nothing of these tests runs on in the shared store either", async () => {
	expect(await machinesOf()).toEqual([]);
});
