/** How a step was reached does not show: one machine for all steps, resumed ones, and ones booted from disks. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { type Build, build } from "./support/build.ts";
import { succeed } from "./support/command.ts";
import { makeProject, type Project } from "./support/project.ts";
import { leftovers, privateStore } from "./support/store.ts";
import { differences, treeOf } from "./support/tree.ts";

/** Nothing here depends on anything but itself. */
const LINES = [
	"RUN mkdir /srv/tree && seq 1 20000 > /srv/tree/numbers && chmod 2750 /srv/tree && (sleep 3000 &)",
	"COPY file /srv/copied/",
	"RUN groupadd --system made && chgrp made /srv/copied/file && ln -s numbers /srv/tree/link; touch /tmp/mine; ls /tmp | grep -v systemd-private > /srv/tmp",
	"RUN find /srv -type f -exec sha256sum {} + | sort > /srv/manifest && cat /var/lib/dpkg/status > /srv/packages",
];

/** How each machine of a build came up. */
function starts({ tasks }: Build): readonly string[] {
	return tasks.flatMap((title) => /^(boot|resume) /.exec(title)?.[1] ?? []);
}

describe("the same image comes of", () => {
	let project: Project;
	let out: string;
	let home: string;
	const trees = new Map<string, ReadonlyMap<string, string>>();

	/** None of the ways finds another's layers. */
	function argsOf(way: string): readonly string[] {
		return ["-f", project.nodefile, "--build-arg", `WAY=${way}`];
	}

	async function buildOf(way: string, lines: readonly string[], live: string): Promise<Build> {
		const text = [BASE_PREFIX.trim(), "ARG WAY", ...lines, 'CMD ["sleep", "infinity"]', ""].join("\n");
		await project.write("Nodefile", text);
		return build([...argsOf(way), "--live", live], { home });
	}

	/** One line more with each build. */
	async function buildUp(way: string, live: string): Promise<readonly Build[]> {
		const builds: Build[] = [];
		for (let count = 1; count <= LINES.length; count++) builds.push(await buildOf(way, LINES.slice(0, count), live));
		return builds;
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

	it("one machine for all steps, machines resumed and machines booted from the disk at every step", async () => {
		const cold = await buildOf("cold", LINES, "never");
		expect(starts(cold)).toEqual(["boot"]);
		await keepTree("cold");
		const resumed = await buildUp("resumed", "always");
		for (const one of resumed.slice(1)) expect([...new Set(starts(one))]).toEqual(["resume"]);
		await keepTree("resumed");
		const booted = await buildUp("booted", "never");
		for (const one of booted) expect(starts(one)).toEqual(["boot"]);
		await keepTree("booted");

		const plain = trees.get("cold") ?? new Map();
		expect(plain.size).toBeGreaterThan(10_000);
		for (const name of ["resumed", "booted"])
			expect(differences(plain, trees.get(name) ?? new Map()), name).toEqual([]);
		expect(await leftovers(home)).toEqual([]);
	});
});
