/** Building the example as a user does: first, again, after edits; what lies in the files and in the store. */
import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { cp, mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { BASE_IMAGE, BASE_PREFIX } from "./support/base.ts";
import { build, type SuccessfulBuild } from "./support/build.ts";
import { nodebuild, succeed } from "./support/command.ts";
import { checkRoot, debugfs, superblock } from "./support/disk.ts";
import { machinesOf } from "./support/machines.ts";
import { home } from "./support/home.ts";
import { makeProject, type Project } from "./support/project.ts";

const run = promisify(execFile);

const EXAMPLE_STEPS = [
	"RUN apt-get update && apt-get install -y --no-install-recommends nginx-light curl",
	"COPY site/ /var/www/html/",
	"COPY --chmod=755 greet.sh /usr/local/bin/greet",
	"RUN greet > /var/www/html/greeting.txt",
	"RUN date -u +%FT%TZ > /etc/built-at",
];

/** One of each resource, of what the example and its base have. */
const SUITE = `file:
  /var/www/html/greeting.txt: {exists: true, mode: "0644", owner: root, contents: ["{{.Vars.greeting}}"]}
package:
  nginx-light: {installed: true}
service:
  nginx: {enabled: true, running: true}
process:
  nginx: {running: true}
command:
  greet: {exit-status: 0, stdout: [running Debian]}
user:
  www-data: {exists: true, uid: 33, groups: [www-data]}
group:
  www-data: {exists: true, gid: 33}
kernel-param:
  kernel.ostype: {value: Linux}
mount:
  /: {exists: true, filesystem: ext4}
port:
  tcp:80: {listening: true, ip: [0.0.0.0]}
addr:
  tcp://127.0.0.1:80: {reachable: true}
dns:
  localhost: {resolvable: true}
http:
  http://localhost/greeting.txt: {status: 200, body: ["{{.Vars.greeting}}"]}
interface:
  lo: {exists: true}
`;

async function sha256(file: string): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
	return hash.digest("hex");
}

describe("the example, from the first build on", () => {
	let folder: string;
	let nodefile: string;
	let first: SuccessfulBuild;

	const output = (name: string): string => join(folder, "out", name);

	async function edit(from: string | RegExp, to: string): Promise<void> {
		await writeFile(nodefile, (await readFile(nodefile, "utf8")).replace(from, to));
	}

	beforeAll(async () => {
		folder = await mkdtemp(join(inject("work"), "web-"));
		nodefile = join(folder, "Nodefile");
		await cp("examples/web", folder, { recursive: true });
		// A store that was used before knows none of these steps.
		await edit(/^FROM .*$/m, `$&\nENV E2E_RUN=${randomUUID()}`);
		const outputs = ["-o", `type=qcow2,dest=${output("web.qcow2")}`, "-o", output("web.raw")];
		const tags = ["-t", "e2e-web", "-t", "e2e-web:first"];
		await writeFile(join(folder, "suite.yaml"), SUITE);
		const suite = ["--verify", "--suite", join(folder, "suite.yaml"), "--suite-var", "greeting=Hello from"];
		first = await build(["-f", nodefile, ...tags, ...suite, "--iidfile", join(folder, "iid"), ...outputs]);
	});

	it("runs every step once, in order, on one machine", () => {
		expect(first.ran).toEqual(EXAMPLE_STEPS);
		expect(first.cached).toEqual([]);
		expect(first.result.cached).toBe(false);
		// The machine to build on is resumed.
		expect(first.tasks.filter((title) => title.startsWith("boot "))).toEqual(["boot a throwaway copy of the image"]);
		const done = first.events.filter(({ type }) => type === "step-done");
		expect(done.map(({ step }) => step?.title)).toEqual(EXAMPLE_STEPS);
	});

	it("proves that a throwaway machine of it answers", () => {
		const { verification } = first.result;
		expect(verification?.rows.filter(({ passed }) => !passed)).toEqual([]);
		expect(verification?.passed).toBe(true);
		const own = verification?.rows.filter(({ suite }) => suite === undefined);
		expect(own?.map(({ name }) => name)).toEqual([
			"boots by itself",
			"has an identity of its own",
			"is healthy (HEALTHCHECK)",
			"answers on port 80/tcp",
		]);
		expect(verification?.rows.find(({ name }) => name.startsWith("is healthy"))?.detail).toContain(
			"Hello from a machine",
		);
	});

	it("looks at that machine with a suite", () => {
		const rows = first.result.verification?.rows.filter(({ suite }) => suite === "suite");
		expect(rows?.filter(({ skipped }) => skipped)).toEqual([]);
		expect(rows).toHaveLength(25);
	});

	it("leaves no machine running", async () => {
		expect(await machinesOf()).toEqual([]);
	});

	it("holds nothing any more of files that are gone, in no block of the disk", async () => {
		const found = new Set<string>();
		let last = "";
		for await (const chunk of createReadStream(output("web.raw"), { highWaterMark: 4 << 20, encoding: "latin1" })) {
			const part = last + String(chunk);
			// A private key of the building machine, our unit in it, a package that apt fetched, apt's lists.
			const traces = part.match(
				/PRIVATE KEY-----\nb3Bl|nodebuild-sshd\.service|!<arch>\ndebian-binary|^Codename: \w+\nDate: /gm,
			);
			for (const trace of traces ?? []) found.add(trace);
			last = part.slice(-64);
		}
		expect([...found]).toEqual([]);
	});

	it("writes a whole qcow2 with its digest beside it", async () => {
		const file = output("web.qcow2");
		const digest = await sha256(file);
		expect(await readFile(`${file}.sha256`, "utf8")).toBe(`${digest}  web.qcow2\n`);
		expect(first.result.outputs[0]).toMatchObject({ path: file, sha256: digest });
		await run("qemu-img", ["check", file]);
		const { stdout } = await run("qemu-img", ["info", "--output=json", file]);
		expect(JSON.parse(stdout)).toMatchObject({ format: "qcow2", "virtual-size": 10 * 2 ** 30 });
		// It stands on nothing: it may be carried away.
		expect(JSON.parse(stdout)).not.toHaveProperty("backing-filename");
		const { written } = JSON.parse((await succeed(["inspect", "e2e-web"])).stdout);
		expect(written).toContainEqual({ path: file, size: (await stat(file)).size, checksum: `sha256:${digest}` });
	});

	it("writes a sparse raw file with the same disk", async () => {
		const file = output("web.raw");
		const { size, blocks } = await stat(file);
		expect(size).toBe(10 * 2 ** 30);
		expect(blocks * 512).toBeLessThan(3 * 2 ** 30);
		expect(await readFile(`${file}.sha256`, "utf8")).toBe(`${first.result.outputs[1]?.sha256}  web.raw\n`);
		await run("qemu-img", ["compare", file, output("web.qcow2")]);
	});

	it("seals a file system that is clean, with nothing to replay", async () => {
		const { status, said } = await checkRoot(output("web.raw"));
		expect(said).not.toMatch(/replay|recover|WARNING|not clean/i);
		expect(status).toBe(0);
		const fields = await superblock(output("web.raw"));
		expect(fields.get("Filesystem state")).toBe("clean");
		expect(fields.get("Filesystem features")).not.toContain("needs_recovery");
	});

	it("holds what the Nodefile says, and nothing of the build", async () => {
		const disk = output("web.raw");
		expect(await debugfs(disk, "cat /var/www/html/index.html")).toBe(
			await readFile("examples/web/site/index.html", "utf8"),
		);
		expect(await debugfs(disk, "stat /usr/local/bin/greet")).toMatch(/Mode: {2}0755.*\n(?:.*\n)*?User: +0 +Group: +0 /);
		expect(await debugfs(disk, "cat /etc/machine-id")).toBe("");
		expect(await debugfs(disk, "ls -p /etc/ssh")).not.toMatch(/ssh_host_/);
		expect(await debugfs(disk, "ls -p /etc/systemd/system-generators")).not.toContain("nodebuild");
		expect(await debugfs(disk, "ls -p /root")).not.toMatch(/_history/);
		for (const empty of ["/root/.ssh", "/tmp", "/var/tmp", "/var/lib/cloud/instances", "/var/lib/apt/lists"]) {
			const names = (await debugfs(disk, `ls -p ${empty}`)).split("\n").map((line) => line.split("/")[5] ?? "");
			expect([empty, ...names.filter((name) => !["", ".", ".."].includes(name))]).toEqual([empty]);
		}
	});

	it("does nothing the second time, and starts no machine", async () => {
		const again = await build(["-f", nodefile, "-t", "e2e-web"]);
		expect(again.result).toMatchObject({ cached: true, image: { id: first.result.image.id } });
		expect(again.ran).toEqual([]);
		expect(again.cached).toEqual(EXAMPLE_STEPS);
		expect(again.tasks).toEqual([]);
		expect(await readFile(join(folder, "iid"), "utf8")).toBe(first.result.image.id);
	});

	it("says so in words, and with --quiet nothing but the id", async () => {
		const plain = await succeed(["-f", nodefile, "--progress", "plain"]);
		expect(plain.stderr.match(/^#\d+ CACHED$/gm)).toHaveLength(EXAMPLE_STEPS.length);
		expect(plain.stdout).toMatch(/^unchanged e2e-web:first e2e-web:latest [0-9a-f]{12} in /);
		const quiet = await succeed(["build", "-q", "-f", nodefile]);
		expect(quiet).toMatchObject({ stdout: `${first.result.image.id}\n`, stderr: "" });
	});

	it("plans what it would do without doing it", async () => {
		const { stdout } = await succeed(["plan", "--json", "-f", nodefile]);
		const report = JSON.parse(stdout);
		expect(report).toMatchObject({ image: "exists", base: { ref: "debian:12", state: "ready" } });
		const states = report.steps.map(({ state }: { state: string }) => state);
		expect(states.filter((state: string) => state === "cached")).toHaveLength(EXAMPLE_STEPS.length);
		expect(states).not.toContain("run");
		expect(report.plan.imageKey).toBe(first.result.image.key);
	});

	it("runs only the last step after only the last line was edited", async () => {
		await edit(/^RUN date.*$/m, "RUN echo edited > /etc/built-at");
		const plan = JSON.parse((await succeed(["plan", "--json", "-f", nodefile])).stdout);
		expect(plan.steps.filter(({ state }: { state: string }) => state === "run")).toHaveLength(1);
		const raw = `type=raw,sha256=false,dest=${output("edited.raw")}`;
		const edited = await build(["-f", nodefile, "-t", "e2e-web", "-o", raw]);
		expect(edited.ran).toEqual(["RUN echo edited > /etc/built-at"]);
		expect(edited.cached).toEqual(EXAMPLE_STEPS.slice(0, -1));
		expect(edited.result.image.id).not.toBe(first.result.image.id);
		expect(await debugfs(output("edited.raw"), "cat /etc/built-at")).toBe("edited\n");
		expect(await debugfs(output("edited.raw"), "cat /var/www/html/greeting.txt")).toContain("Hello from a machine");
		expect((await checkRoot(output("edited.raw"))).status).toBe(0);
	});

	it("leaves nothing to clear of a file that was removed and is still held", async () => {
		const held = join(folder, "Nodefile.held");
		const step = "RUN truncate -s 1M /held && losetup -f /held && rm /held";
		await writeFile(held, (await readFile(nodefile, "utf8")).replace(/^RUN echo edited.*$/m, step));
		await build(["-f", held, "-o", `type=raw,sha256=false,dest=${output("held.raw")}`]);
		const { status, said } = await checkRoot(output("held.raw"));
		expect(said).not.toMatch(/orphan|replay|recover|not clean/i);
		expect(status).toBe(0);
	});

	it("runs no step for a LABEL, and makes a new image", async () => {
		const before = JSON.parse((await succeed(["inspect", "e2e-web"])).stdout);
		await edit('title="nodebuild web example"', 'title="another title"');
		const labelled = await build(["-f", nodefile, "-t", "e2e-web", "--label", "from=the-command-line"]);
		expect(labelled.ran).toEqual([]);
		const after = JSON.parse((await succeed(["inspect", "e2e-web"])).stdout);
		expect(after.id).toBe(labelled.result.image.id);
		expect(after.id).not.toBe(before.id);
		expect(after.layer).toBe(before.layer);
		expect(after.config.labels).toEqual({
			"org.opencontainers.image.title": "another title",
			from: "the-command-line",
		});
	});

	it("finds the first image again when the edits are taken back", async () => {
		await edit("RUN echo edited > /etc/built-at", "RUN date -u +%FT%TZ > /etc/built-at");
		await edit('title="another title"', 'title="nodebuild web example"');
		const back = await build(["-f", nodefile, "-t", "e2e-web"]);
		expect(back.result).toMatchObject({ cached: true, image: { id: first.result.image.id } });
		expect(back.result.image.tags).toContain("e2e-web:latest");
	});
});

describe("what changes a step", () => {
	let project: Project;
	/** As they are shown: with the variables that the build knows. */
	const steps = (word: string): readonly string[] => [
		"COPY input.txt /input.txt",
		`RUN echo ${word}; cat /proc/sys/kernel/random/uuid > /uuid`,
		"RUN cat /input.txt /uuid",
	];

	beforeAll(async () => {
		const words = ["ARG WORD=default", ...steps("$WORD"), ""].join("\n");
		project = await makeProject(`${BASE_PREFIX}ENV E2E_RUN=${randomUUID()}\n${words}`, {
			"input.txt": "one\n",
			"other.txt": "not copied\n",
		});
		await build(["-f", project.nodefile]);
	});

	it("is a build argument that it can see, for it and those after it", async () => {
		const done = await build(["-f", project.nodefile, "--build-arg", "WORD=given"]);
		expect(done.cached).toEqual(steps("given").slice(0, 1));
		expect(done.ran).toEqual(steps("given").slice(1));
		expect(done.events.find(({ type }) => type === "step-output")?.text).toBe("given\n");
	});

	it("is not the time or the neighbours of a copied file, nor the memory of the machine", async () => {
		await project.write("input.txt", "one\n");
		await project.write("other.txt", "changed\n");
		const done = await build(["-f", project.nodefile, "--memory", "768m", "--cpus", "3"]);
		expect(done.result.cached).toBe(true);
	});

	it("is --no-cache, for all of them; later builds use what it made", async () => {
		const done = await build(["-f", project.nodefile, "--no-cache"]);
		expect(done.cached).toEqual([]);
		expect(done.ran).toEqual(steps("default"));
		const later = await build(["-f", project.nodefile]);
		expect(later.result).toMatchObject({ cached: true, image: { id: done.result.image.id } });
	});

	it("is not seen before it is run: plan tells", async () => {
		await project.write("input.txt", "two\n");
		const { stdout } = await succeed(["plan", "-f", project.nodefile]);
		expect(stdout).toMatch(/3 steps would run/);
		expect(stdout).toMatch(/run +[0-9a-f]{12} +COPY input.txt/);
		await project.write("input.txt", "one\n");
	});
});

describe("the store", () => {
	const json = async (...args: string[]) => JSON.parse((await succeed([...args, "--json"])).stdout);
	const listed = async (): Promise<string> => (await succeed(["images"])).stdout;

	it("names, renames and forgets images", async () => {
		const { id } = JSON.parse((await succeed(["inspect", BASE_IMAGE])).stdout);
		await succeed(["tag", BASE_IMAGE, "e2e-name:one"]);
		await succeed(["tag", "e2e-name:one", "e2e-name:two"]);
		const hex = id.slice("sha256:".length);
		expect(await listed()).toMatch(new RegExp(`^e2e-name +one +${hex.slice(0, 12)} +debian:12 `, "m"));
		expect(JSON.parse((await succeed(["inspect", hex.slice(0, 12)])).stdout).id).toBe(id);
		expect((await succeed(["images", "-q"])).stdout.split("\n")).toContain(id);
		expect((await json("images")).find((image: { id: string }) => image.id === id).tags).toEqual(
			expect.arrayContaining(["e2e-name:one", "e2e-name:two", `${BASE_IMAGE}:latest`]),
		);
		await succeed(["rmi", "e2e-name:one", "e2e-name:two"]);
		expect(await listed()).not.toContain("e2e-name");
		expect(JSON.parse((await succeed(["inspect", BASE_IMAGE])).stdout).id).toBe(id);
	});

	it("knows what it does not have, and what was meant", async () => {
		for (const args of [["inspect"], ["rmi"], ["run"], ["verify"]]) {
			const { status, stderr } = await nodebuild([...args, "e2e-bsae"]);
			expect(status).toBe(8);
			expect(stderr).toMatch(/^error\[IMAGE_NOT_FOUND\]: .*e2e-bsae/m);
			expect(stderr).toContain(BASE_IMAGE);
		}
	});

	it("removes an image with its last name, and then the layers that nobody needs", async () => {
		const project = await makeProject(`${BASE_PREFIX}RUN echo ${randomUUID()} > /unique\n`);
		const { result } = await build(["-f", project.nodefile, "-t", "e2e-gone"]);
		const needless = async (): Promise<string[]> =>
			(await json("prune", "--dry-run")).removed.map(({ title }: { title: string }) => title);
		expect((await needless()).filter((title) => title.includes("/unique"))).toEqual([]);

		await succeed(["rmi", "e2e-gone"]);
		expect(await json("images")).not.toContainEqual(expect.objectContaining({ id: result.image.id }));
		expect((await needless()).filter((title) => title.includes("/unique"))).toHaveLength(1);

		const pruned = await json("prune");
		expect(pruned.removed.filter(({ title }: { title: string }) => title.includes("/unique"))).toHaveLength(1);
		expect(pruned.freed).toBeGreaterThan(0);
		expect(await needless()).toEqual([]);
		// What the named images stand on is all there.
		const { start } = await json("plan", "-f", project.nodefile);
		expect(start).toBe('the layer "FROM debian:12"');
	});

	it("keeps the bases, and says where they are from", async () => {
		const rows = await json("bases");
		const debian = rows.find(({ ref }: { ref: string }) => ref === "debian:12");
		expect(debian.aliases).toContain("debian:bookworm");
		expect(debian.ready.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
		const { stdout } = await succeed(["bases", "build", "debian:bookworm-slim", "--offline"]);
		expect(stdout).toContain(debian.ready.digest);
	});

	it("is known to doctor, with all that builds need", async () => {
		const rows = await json("doctor");
		expect(rows.filter(({ state }: { state: string }) => state === "missing")).toEqual([]);
		expect(rows.map(({ name }: { name: string }) => name)).toEqual(
			expect.arrayContaining(["Node.js", "QEMU", "accelerator", "qemu-img", "memory", "space", "store"]),
		);
		expect(rows.find(({ name }: { name: string }) => name === "store").found).toContain(home);
	});
});
