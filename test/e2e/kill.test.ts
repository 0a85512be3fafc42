/**
 * `kill -9` at random moments: nothing runs on, nothing is broken, the next run goes on, and in the end the image is
 * the same as one whose build nobody disturbed.
 *
 * NODEBUILD_KILLS: how many (default 5; `npm run test:kill` has 50). NODEBUILD_KILL_SEED repeats a run's choices.
 */
import { execFile } from "node:child_process";
import { access, mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { build, type ProgressEvent, readEvents } from "./support/build.ts";
import { ending, type Running, start, succeed } from "./support/command.ts";
import { makeProject, type Project } from "./support/project.ts";
import { leftovers, lingering, privateStore } from "./support/store.ts";
import { differences, treeOf } from "./support/tree.ts";

const run = promisify(execFile);

const KILLS = Number(process.env.NODEBUILD_KILLS ?? 5);
const SEED = Number(process.env.NODEBUILD_KILL_SEED ?? Date.now() % 1_000_000);

/** Milliseconds; a run goes from a boot to a file at most, and an emulated guest takes its time. */
const TIMEOUT = 300_000 * (KILLS + 1);

/** Eight steps whose result depends on nothing but themselves; each says so before it is frozen. */
const NODEFILE = `${BASE_PREFIX}ARG ROUND
RUN mkdir -p /srv/kill && seq 1 200000 > /srv/kill/numbers && echo r"a"n
COPY files/ /srv/kill/files/
RUN sha256sum /srv/kill/numbers > /srv/kill/sum && chmod 600 /srv/kill/sum && echo r"a"n
WORKDIR /srv/kill/work
RUN cp -a ../files copy && ln -s ../numbers link && ln ../numbers hard && echo r"a"n
RUN yes disturbed | head -c 16M > big && groupadd --system killed && chgrp killed big && chmod 2750 . && echo r"a"n
COPY --chmod=750 --chown=1000:1000 files/tool /usr/local/bin/tool
RUN rm -r copy/sub && rm ../files/other && find /srv -type f -exec sha256sum {} + | sort > /srv/manifest && echo r"a"n
ENV KILLED=no
CMD ["sleep", "infinity"]
`;
const FILES = {
	"files/tool": "#!/bin/sh\necho tool\n",
	"files/other": "other\n",
	"files/sub/deep": "deep\n",
	"files/big": "x".repeat(3_000_000),
};

/** Where two machines differ by nature, and why. */
const BY_NATURE: readonly RegExp[] = [];

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let value = Math.imul(state ^ (state >>> 15), 1 | state);
		value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
		return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** A stretch of a build: from the nth time a pattern shows, so many milliseconds. */
interface Phase {
	readonly name: string;
	readonly begins?: RegExp;
	readonly times: number;
	readonly length: number;
}

/** Milliseconds from one event to another of an undisturbed build. */
function between(events: readonly ProgressEvent[], from: string, to: string): number {
	const at = (text: string): number => {
		const found = events.find((event) => JSON.stringify(event).includes(text));
		if (found === undefined) throw new Error(`expected an event with ${text}`);
		return Date.parse(found.time);
	};
	return at(to) - at(from);
}

function phasesOf(events: readonly ProgressEvent[]): readonly Phase[] {
	const boot = between(events, '"title":"boot from ', '"type":"step-start"');
	const seal = between(events, '"title":"seal the image"', '"title":"write ');
	const write = between(events, '"title":"write ', '"type":"end"');
	return [
		{ name: "start", times: 1, length: 500 },
		{ name: "boot", begins: /"title":"(boot|resume) /, times: 1, length: boot },
		{ name: "step", begins: /"type":"step-start"/g, times: 8, length: 400 },
		{ name: "freeze", begins: /"type":"step-output"[^\n]*"ran\\n"/g, times: 5, length: 250 },
		{ name: "commit", begins: /"type":"step-done"/g, times: 8, length: 150 },
		{ name: "seal", begins: /"title":"seal the image"/, times: 1, length: seal },
		{ name: "output", begins: /"title":"write /, times: 1, length: write },
	];
}

/** Resolves when a pattern has shown so often, or the command has ended. */
async function shown(running: Running, pattern: RegExp, times: number): Promise<void> {
	let over = false;
	running.outcome.then(() => {
		over = true;
	});
	while (!over && (running.stderr().match(new RegExp(pattern, "g"))?.length ?? 0) < times) await sleep(5);
}

function titles(events: readonly ProgressEvent[], type: string): readonly string[] {
	return events.flatMap((event) => (event.type === type ? [event.step?.title ?? ""] : []));
}

describe(`${KILLS} kills, seed ${SEED}`, () => {
	let project: Project;
	let home: string;
	let out: string;
	let phases: readonly Phase[];
	let undisturbed: ReadonlyMap<string, string>;

	beforeAll(async () => {
		project = await makeProject(NODEFILE, FILES);
		home = await privateStore();
		out = await mkdtemp(join(inject("work"), "out-"));
		const reference = await privateStore();
		const raw = join(out, "undisturbed.raw");
		const args = ["-f", project.nodefile, "--build-arg", "ROUND=reference"];
		const done = await build([...args, "--live", "never", "-o", join(out, "undisturbed.qcow2")], { home: reference });
		const time = new Date(Date.parse(done.events.at(-1)?.time ?? "")).toISOString();
		phases = phasesOf([...done.events, { time, type: "end" }]);
		await build([...args, "-o", `type=raw,sha256=false,dest=${raw}`], { home: reference });
		undisturbed = await treeOf(raw, join(out, "scratch"));
		expect(undisturbed.size).toBeGreaterThan(10_000);
		expect(undisturbed.get("/srv/kill/work/big")).toMatch(/^100644 0:\d+ 16777216 [0-9a-f]{64}$/);
	});

	it("end nothing but the run they hit", { timeout: TIMEOUT }, async () => {
		const random = randomFrom(SEED);
		const counts = new Map<string, number>();
		let round = 1;
		let kept: readonly string[] = [];
		for (let kills = 0, runs = 1; kills < KILLS; runs++) {
			const phase = phases[Math.floor(random() * phases.length)];
			if (phase === undefined) throw new Error("expected phases");
			const times = 1 + Math.floor(random() * phase.times);
			const delay = Math.round(random() * phase.length);
			const moment = `${phase.name}${phase.times > 1 ? ` ${times}` : ""} + ${delay} ms`;
			const dest = join(out, `round-${round}.qcow2`);
			// Every other run boots, whatever the runs before have left.
			const live = runs % 2 === 0 ? ["--live", "never"] : [];
			const args = ["build", "--progress", "json", "-f", project.nodefile, "--build-arg", `ROUND=${round}`, ...live];
			const running = start([...args, "-o", dest], { home });
			if (phase.begins !== undefined) await shown(running, phase.begins, times);
			await Promise.race([sleep(delay), running.outcome]);
			running.child.kill("SIGKILL");
			const outcome = await running.outcome;
			const events = readEvents(`${outcome.stderr.slice(0, outcome.stderr.lastIndexOf("\n") + 1)}`);
			const label = `run ${runs}, round ${round}, ${moment}`;
			expect(await lingering(home), label).toEqual([]);
			expect(await lingering(out), label).toEqual([]);
			// What was in the store when the run before was killed is not run again.
			expect(
				titles(events, "step-start").filter((title) => kept.includes(title)),
				label,
			).toEqual([]);
			if (outcome.signal === null) {
				process.stderr.write(`${label}: the build was done before\n`);
				expect(outcome.status, `${label}: ${ending(outcome)}`).toBe(0);
				expect(await leftovers(home), label).toEqual([]);
				expect(await readdir(out), label).not.toContainEqual(expect.stringMatching(/\.tmp$/));
				round++;
				kept = [];
				continue;
			}
			kills++;
			counts.set(phase.name, (counts.get(phase.name) ?? 0) + 1);
			const done = titles(events, "step-done");
			process.stderr.write(
				`${`${label}: killed, ${titles(events, "step-cached").length} cached, ${done.length} done`}\n`,
			);
			// The last one may just have been on its way into the store.
			kept = [...new Set([...kept, ...titles(events, "step-cached"), ...done.slice(0, -1)])];
			// A file is there as a whole, with its digest, or not at all.
			if (
				await access(dest).then(
					() => true,
					() => false,
				)
			)
				await run("qemu-img", ["check", "-q", dest]);
		}
		process.stderr.write(
			`${`kills by phase: ${JSON.stringify(Object.fromEntries(counts))}; rounds begun: ${round}`}\n`,
		);
		const dest = join(out, `round-${round}.qcow2`);
		const last = await build(["-f", project.nodefile, "--build-arg", `ROUND=${round}`, "-o", dest], { home });
		expect(last.ran.filter((title) => kept.includes(title))).toEqual([]);
		expect(await leftovers(home)).toEqual([]);
		expect((await readdir(out)).filter((name) => name.startsWith("."))).toEqual([]);
	});

	it("leave a sound store", async () => {
		const { stdout } = await succeed(["prune", "--dry-run", "--json"], { home });
		expect(JSON.parse(stdout).removed.filter(({ kind }: { kind: string }) => kind === "damaged")).toEqual([]);
		for (const kind of ["layers", "images"]) {
			for (const name of await readdir(join(home, kind)))
				await run("qemu-img", ["check", "-q", join(home, kind, name, "disk.qcow2")]);
		}
	});

	it("leave no trace in any image", { timeout: TIMEOUT }, async () => {
		const images = JSON.parse((await succeed(["images", "--json"], { home })).stdout);
		expect(images.length).toBeGreaterThan(0);
		const rounds = (await readdir(out)).filter((name) => /^round-\d+\.qcow2$/.test(name));
		expect(rounds.length).toBeGreaterThan(0);
		for (const name of rounds) {
			const raw = join(out, "disturbed.raw");
			await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", join(out, name), raw]);
			const tree = await treeOf(raw, join(out, "scratch"));
			const found = differences(undisturbed, tree).filter((line) => !BY_NATURE.some((one) => one.test(line)));
			expect(found, name).toEqual([]);
		}
	});
});
