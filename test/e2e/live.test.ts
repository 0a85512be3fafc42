/** Machines resumed where a layer was frozen, what happens when that cannot be, and that nothing of it shows in images. */
import { execFile as execFileCallback } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE, BASE_PREFIX } from "./support/base.ts";
import { type Build, build, outputOf, tryBuild } from "./support/build.ts";
import { nodebuild } from "./support/command.ts";
import { checkRoot, debugfs, superblock } from "./support/disk.ts";
import { home } from "./support/home.ts";
import { makeProject, type Project } from "./support/project.ts";

const execFile = promisify(execFileCallback);

/** How each machine of a build came up. */
function starts({ tasks }: Build): readonly string[] {
	return tasks.flatMap((title) => /^(boot|resume) /.exec(title)?.[1] ?? []);
}

describe("a machine is resumed", () => {
	const STEPS = [
		// So much that its state gets memory of its own, beside the next step.
		"RUN head -c 110000000 /dev/zero > /dev/shm/large; echo kept > /dev/shm/kept; (while :; do sleep 1; done) >/dev/null 2>&1 & echo $! > /loop.pid",
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
		await write("RUN echo before; false", "RUN echo after", "RUN echo last");
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

	it("where the stages of a Nodefile part", async () => {
		const steps = (name: string): string[] => [1, 2, 3, 4].map((number) => `RUN echo ${name} > /${name}.${number}`);
		const parts = await makeProject("");
		const common = `FROM ${BASE} AS common\nENV E2E_RUN=${RUN_ID}\nRUN echo parts\n`;
		const first = ["FROM common AS first", ...steps("first")];
		const second = ["FROM common", "COPY --from=first /first.4 /", ...steps("second")];
		await parts.write("Nodefile", `${[common, ...first, ...second].join("\n")}\n`);
		expect(new Set(starts(await build(["-f", parts.nodefile])))).toEqual(new Set(["resume"]));
	});

	it("and sealed by the program that waits in it, with none of the machine's own", async () => {
		const left = [
			"rm /usr/bin/find /usr/sbin/fsfreeze",
			"touch /tmp/left; echo left > /var/log/left.log; id > /etc/ssh/ssh_host_a_key",
			// What is hidden goes, too; what is only shown there stays.
			"echo left > /var/tmp/left; mount -t tmpfs tmpfs /var/tmp",
			"mkdir /srv/data /var/log/data; echo kept > /srv/data/kept; mount --bind /srv/data /var/log/data",
		].join("; ");
		await write("RUN echo sealed", `RUN ${left}`);
		const disk = project.path("sealed.raw");
		expect(starts(await build([...args, "-o", disk]))).toEqual(["resume"]);
		const [check, journal] = [await checkRoot(disk), await superblock(disk)];
		expect([check.status, journal.get("Filesystem state")]).toEqual([0, "clean"]);
		expect(await debugfs(disk, "ls -p /tmp")).not.toContain("left");
		expect(await debugfs(disk, "ls -p /etc/ssh")).not.toContain("ssh_host_");
		expect(await debugfs(disk, "ls -p /var/log")).toContain("left.log");
		expect(await debugfs(disk, "cat /var/log/left.log")).toBe("");
		expect(await debugfs(disk, "ls -p /var/tmp")).not.toContain("left");
		expect(await debugfs(disk, "cat /srv/data/kept")).toBe("kept\n");
	});

	/** The kernel has just taken new keys for its random numbers; by itself it does so once a minute. */
	const TAKE_KEYS = `RUN python3 -c 'import fcntl; fcntl.ioctl(open("/dev/urandom", "wb"), 0x5207)'`;
	/** Of both processors: each has a key of its own. */
	const NUMBERS = (what: string): string =>
		[
			`RUN python3 - <<'end' # ${what}`,
			"import os",
			"for cpu in range(os.cpu_count()):",
			"    os.sched_setaffinity(0, [cpu])",
			"    print(*(os.urandom(16).hex() for _ in range(200)), sep='\\n')",
			"end",
		].join("\n");

	/** Folders of all live states. */
	async function states(): Promise<readonly string[]> {
		const layers = join(home, "layers");
		const found = (await readdir(layers)).map(async (layer) => {
			const folder = join(layers, layer, "live");
			return (await readdir(folder).catch(() => [])).map((state) => join(folder, state));
		});
		return (await Promise.all(found)).flat();
	}

	/** No live state says that a program waits in it. */
	async function forgetWaiting(): Promise<void> {
		for (const state of await states()) {
			const file = join(state, "live.json");
			const { agent, ...record } = JSON.parse(await readFile(file, "utf8")).record ?? {};
			if (agent === undefined) continue;
			const sum = `sha256:${createHash("sha256").update(JSON.stringify(record)).digest("hex")}`;
			await rm(file);
			await writeFile(file, JSON.stringify({ record, sum }));
		}
	}

	it.each([
		["by the program that waits in it", TAKE_KEYS],
		["over SSH", `${TAKE_KEYS} # over SSH`],
	])("%s, with random numbers of its own", async (way, before) => {
		const seen: string[] = [];
		for (const twin of ["one", "two"]) {
			await write(before, NUMBERS(twin));
			if (way === "over SSH" && twin === "two") await forgetWaiting();
			const built = await build(args);
			if (twin === "two") expect(starts(built)).toEqual(["resume"]);
			seen.push(
				...outputOf(built, `# ${twin}`)
					.split("\n")
					.filter((line) => /^[0-9a-f]{32}$/.test(line)),
			);
		}
		expect(seen.length).toBeGreaterThanOrEqual(2 * 200);
		expect(new Set(seen).size).toBe(seen.length);
	});

	/** Cut off the device states. */
	async function tearStates(): Promise<void> {
		for (const state of await states()) {
			const devices = join(state, "devices");
			const torn = (await readFile(devices)).subarray(0, 1000);
			// A file of its own: the one that is there may be another store's too.
			await rm(devices);
			await writeFile(devices, torn);
		}
	}

	/** Each layer has the state of another. */
	async function exchangeStates(): Promise<void> {
		const all = await states();
		expect(all.length).toBeGreaterThan(1);
		for (const state of all) await rename(state, `${state}.moved`);
		for (const [index, state] of all.entries()) await rename(`${state}.moved`, all[(index + 1) % all.length] ?? state);
	}

	/** Change one byte of the memory that they stand on; length and time of modification are as before. */
	async function changeMemory(): Promise<void> {
		const folder = join(home, "ram");
		for (const name of (await readdir(folder)).filter((one) => !one.endsWith(".json"))) {
			const [path, copy] = [join(folder, name), join(folder, `${name}.copy`)];
			const { atime, mtime } = await stat(path);
			await execFile("cp", ["--sparse=always", path, copy]);
			await using file = await open(copy, "r+");
			const byte = Buffer.alloc(1);
			await file.read(byte, 0, 1, 2 ** 27);
			await file.write(Buffer.of(byte.readUInt8() ^ 1), 0, 1, 2 ** 27);
			await file.utimes(atime, mtime);
			await rename(copy, path);
		}
	}

	it.each<[string, () => Promise<void>, readonly string[]]>([
		["a state is torn", tearStates, ["resume", "boot", "resume"]],
		["a byte of the memory is another", changeMemory, ["resume", "boot", "resume"]],
		["a state is another layer's", exchangeStates, ["boot", "resume"]],
	])("and booted where %s, with the same files", async (what, harm, expected) => {
		await harm();
		await write(`RUN cat /disk; ls /dev/shm # ${what}`);
		const booted = await build(args);
		// From then on there is a state again.
		expect(starts(booted)).toEqual(expected);
		expect(outputOf(booted, "RUN cat /disk")).toBe("disk\n");
	});
});
