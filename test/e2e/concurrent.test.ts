/** Several processes in one store at once. */
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE_IMAGE, BASE_PREFIX } from "./support/base.ts";
import { type Build, type BuildReport, build, readEvents, tryBuild } from "./support/build.ts";
import { nodebuild, type Outcome, start, succeed } from "./support/command.ts";
import { makeProject, type Project } from "./support/project.ts";
import { leftovers, lingering, privateStore } from "./support/store.ts";

let home: string;

beforeAll(async () => {
	home = await privateStore();
});

function nodefile(run: string, ...steps: readonly string[]): string {
	return [BASE_PREFIX.trim(), `ENV E2E_RUN=${run}`, ...steps, ""].join("\n");
}

const SHARED = ["RUN echo one > /one; sleep 1", "RUN cat /one > /two"];

/** Titles of all steps that were run, over several builds. */
function allRan(...builds: readonly Build[]): readonly string[] {
	return builds.flatMap(({ ran }) => ran);
}

describe("two builds of the same Nodefile at once", () => {
	let project: Project;
	let outcomes: readonly Outcome[];
	let interrupted: Outcome;

	beforeAll(async () => {
		project = await makeProject(nodefile(randomUUID(), ...SHARED, "COPY file /file"), { file: "content\n" });
		const args = ["-f", project.nodefile];
		const both = ["a", "b"].map((tag) =>
			start(["build", "--progress", "json", ...args, "-t", `concurrent:${tag}`], { home }),
		);
		const waits = /another build \(process \d+\) is making this image; waiting for it/;
		await Promise.any(both.map((one) => one.waitFor(waits)));
		// A third one, which loses its patience.
		const third = start(["build", "--progress", "json", ...args], { home });
		await third.waitFor(waits);
		third.child.kill("SIGINT");
		interrupted = await third.outcome;
		outcomes = await Promise.all(both.map((one) => one.outcome));
	});

	it("run each step once", () => {
		const titles = outcomes.flatMap(({ stderr }) =>
			readEvents(stderr).flatMap(({ type, step }) => (type === "step-start" ? [step?.title] : [])),
		);
		expect(titles).toEqual([...SHARED, "COPY file /file"]);
	});

	it("give the same image, with the names that both gave it", async () => {
		const [first, second] = outcomes.map(({ stdout }): BuildReport => JSON.parse(stdout));
		expect(first?.image.id).toBe(second?.image.id);
		expect([first?.cached, second?.cached].sort()).toEqual([false, true]);
		const image = JSON.parse((await succeed(["inspect", "concurrent:a"], { home })).stdout);
		expect(JSON.stringify(image)).toContain("concurrent:b");
	});

	it("leave a third one free to go", () => {
		expect(interrupted.status).toBe(130);
		expect(readEvents(interrupted.stderr).filter(({ type }) => type === "step-start")).toEqual([]);
	});

	it("leave nothing behind", async () => {
		expect(await lingering(home)).toEqual([]);
		expect(await leftovers(home)).toEqual([]);
	});
});

it("two different Nodefiles at once make what they share once, and each its own image", async () => {
	const run = randomUUID();
	const projects = await Promise.all(
		["a", "b"].map((name) => makeProject(nodefile(run, ...SHARED, `RUN echo ${name} > /own`))),
	);
	const [a, b] = await Promise.all(projects.map((project) => build(["-f", project.nodefile], { home })));
	if (a === undefined || b === undefined) throw new Error("expected two builds");
	expect([...allRan(a, b)].sort()).toEqual([...SHARED, "RUN echo a > /own", "RUN echo b > /own"].sort());
	expect(a.result.image.id).not.toBe(b.result.image.id);
	expect(await leftovers(home)).toEqual([]);
});

it("a prune while a build runs takes what others left, and nothing from under the build", async () => {
	const abandoned = await makeProject(nodefile(randomUUID(), "RUN echo abandoned > /file", "RUN false"));
	expect((await tryBuild(["-f", abandoned.nodefile], { home })).status).toBe(5);
	const steps = ["RUN echo one > /one", "RUN echo has be''gun; sleep 5; cat /one", "RUN cat /one > /two"];
	const project = await makeProject(nodefile(randomUUID(), ...steps));
	const running = start(["build", "-f", project.nodefile, "--progress", "json"], { home });
	await running.waitFor(/"step-output".*has begun/);
	const pruned = JSON.parse((await succeed(["prune", "--all", "--json"], { home })).stdout);
	const titles = pruned.removed.map(({ title }: { title: string }) => title);
	expect(titles).toContain("RUN echo abandoned > /file");
	expect(titles).not.toContain(steps[0]);
	const outcome = await running.outcome;
	expect(outcome.stderr).not.toContain("error[");
	expect(outcome.status).toBe(0);
	expect((await build(["-f", project.nodefile], { home })).result.cached).toBe(true);
});

it("an image that a machine runs is not removed", async () => {
	const running = start(["run", BASE_IMAGE], { home });
	await running.waitFor(/waiting for SSH/);
	const refused = await nodebuild(["rmi", BASE_IMAGE], { home });
	expect(refused.status).toBe(8);
	expect(refused.stderr).toContain("error[IMAGE_IN_USE]");
	expect(refused.stderr).toMatch(/hint: .*--force/);
	running.child.kill("SIGINT");
	await running.outcome;
	await succeed(["rmi", BASE_IMAGE], { home });
	expect(await lingering(home)).toEqual([]);
});
