/** The host's disk is full: said as that, nothing broken, and the next build goes on. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { readEvents } from "./support/build.ts";
import { environment, PROGRAM } from "./support/environment.ts";
import { makeProject } from "./support/project.ts";
import { readable } from "./support/readable.ts";
import { privateStore } from "./support/store.ts";

const run = promisify(execFile);
const MIB = 2 ** 20;

/**
 * A mount namespace with a small tmpfs in it: root may make one, any other user too within a user namespace. It goes,
 * with what lies in it, when its last process ends.
 */
class SmallDisk {
	readonly folder: string;
	readonly #holder: ChildProcess;
	readonly #enter: readonly string[];

	private constructor(folder: string, holder: ChildProcess, enter: readonly string[]) {
		this.folder = folder;
		this.#holder = holder;
		this.#enter = enter;
	}

	static async mount(folder: string): Promise<SmallDisk> {
		const root = process.getuid?.() === 0;
		const script = `mount -t tmpfs -o size=6g tmpfs "$1" && echo mounted && exec sleep infinity`;
		const flags = root ? ["--mount"] : ["--mount", "--user", "--map-root-user"];
		const holder = spawn("unshare", [...flags, "sh", "-c", script, "sh", folder], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		await new Promise<void>((resolve, reject) => {
			holder.stdout.once("data", () => resolve());
			holder.once("error", reject);
			holder.once("close", () => reject(new Error("expected to mount a tmpfs in a namespace of our own")));
		});
		const more = root ? [] : ["--user", "--preserve-credentials"];
		return new SmallDisk(folder, holder, ["nsenter", "--target", String(holder.pid), "--mount", ...more]);
	}

	/** A command that sees the disk. */
	async run(command: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
		const [file = "", ...args] = [...this.#enter, ...command];
		try {
			const { stdout, stderr } = await run(file, args, { env, maxBuffer: 1 << 26 });
			return { status: 0, stdout, stderr: readable(stderr) };
		} catch (error) {
			const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
			return { status: code, stdout, stderr: readable(stderr) };
		}
	}

	/** Leave so much room on it; bytes. */
	async leave(free: number): Promise<void> {
		const { stdout } = await this.run(["df", "--block-size=1", "--output=used", this.folder]);
		const size = Number(stdout.trim().split("\n").at(-1)) + free;
		const { status, stderr } = await this.run(["mount", "-o", `remount,size=${size}`, this.folder]);
		if (status !== 0) throw new Error(`expected to resize the tmpfs, got: ${stderr}`);
	}

	unmount(): void {
		this.#holder.kill("SIGKILL");
	}
}

interface Ended {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

let disk: SmallDisk;
let home: string;

beforeAll(async () => {
	const folder = await mkdtemp(join(inject("work"), "small-"));
	disk = await SmallDisk.mount(folder);
	home = join(folder, "home");
	const whole = await privateStore();
	// Live states are of no use in memory, and with those of all other tests there would be no room.
	for (const layer of await readdir(join(whole, "layers")))
		await rm(join(whole, "layers", layer, "live"), { recursive: true, force: true });
	await rm(join(whole, "ram"), { recursive: true, force: true });
	const copied = await disk.run(["cp", "-a", whole, home]);
	expect(copied.stderr).toBe("");
});

afterAll(() => disk.unmount());

function build(nodefile: string, ...more: readonly string[]): Promise<Ended> {
	const args = [process.execPath, PROGRAM, "build", "-f", nodefile, "--progress", "json", ...more];
	return disk.run(args, environment(home));
}

function titles({ stderr }: Ended, type: string): readonly string[] {
	return readEvents(stderr).flatMap((event) => (event.type === type ? [event.step?.title ?? ""] : []));
}

function expectFull(ended: Ended): void {
	expect(ended.stderr).toContain("error[HOST_DISK_FULL]");
	expect(ended.stderr).toMatch(/hint: free some space.*nodebuild prune/);
	expect(ended.status).toBe(7);
	expect(ended.stdout).toBe("");
}

async function tree(folder: string): Promise<string> {
	return (await disk.run(["find", folder, "-mindepth", "1"])).stdout;
}

it("no room for even the smallest file", async () => {
	const { nodefile } = await makeProject(`${BASE_PREFIX}ENV E2E_RUN=${randomUUID()}\nRUN echo one > /one\n`);
	await disk.leave(0);
	expectFull(await build(nodefile));
	expect(await tree(join(home, "tmp"))).toBe("");
	expect(await tree(join(home, "locks"))).toBe("");
});

it("a step fills the disk: the steps before it are kept, and with more room the next build goes on", async () => {
	const steps = ["RUN echo one > /one", "RUN head -c 300M /dev/urandom > /big", "RUN cat /one > /two"];
	const { nodefile } = await makeProject([BASE_PREFIX.trim(), `ENV E2E_RUN=${randomUUID()}`, ...steps, ""].join("\n"));
	await disk.leave(128 * MIB);
	const full = await build(nodefile);
	expectFull(full);
	expect(full.stderr).toContain(`--> ${nodefile}:4:1`);
	expect(titles(full, "step-start")).toEqual(steps.slice(0, 2));
	expect(await tree(join(home, "tmp"))).toBe("");
	expect(await tree(join(home, "locks"))).toBe("");

	await disk.leave(2048 * MIB);
	const next = await build(nodefile);
	expect(next.stderr).not.toContain("error[");
	expect(next.status).toBe(0);
	expect(titles(next, "step-cached")).toEqual(steps.slice(0, 1));
	expect(titles(next, "step-start")).toEqual(steps.slice(1));

	// The image is there; only the file is not.
	await disk.leave(16 * MIB);
	const dest = join(disk.folder, "out", "node.qcow2");
	const unwritten = await build(nodefile, "-o", `type=qcow2,dest=${dest}`);
	expectFull(unwritten);
	expect(await tree(join(disk.folder, "out"))).toBe("");
	const prune = await disk.run([process.execPath, PROGRAM, "prune", "--dry-run", "--json"], environment(home));
	expect(JSON.parse(prune.stdout).removed.filter(({ kind }: { kind: string }) => kind === "damaged")).toEqual([]);
});
