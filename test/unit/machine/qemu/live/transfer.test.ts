import { appendFile, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../../../src/digest.ts";
import { savePages } from "../../../../../src/machine/qemu/live/memory.ts";
import { DELTA, DEVICES, readRecord, runsOf } from "../../../../../src/machine/qemu/live/state.ts";
import { type LiveProcess, loadDevices, loadMemory, saveLive } from "../../../../../src/machine/qemu/live/transfer.ts";
import { Qmp } from "../../../../../src/machine/qemu/qmp.ts";
import { startCompanion } from "../../../../../src/system/process.ts";
import { tempDir } from "../../../system/child.ts";

const MIB = 2 ** 20;

/** A machine without disks, which runs its firmware, or waits for a state. */
async function bring(folder: string, more: readonly string[] = []): Promise<LiveProcess & { up: Promise<void> }> {
	const ramFile = join(folder, "ram");
	await writeFile(ramFile, "");
	await truncate(ramFile, 64 * MIB);
	const process = await startCompanion(
		"qemu-system-x86_64",
		[
			...["-accel", "tcg", "-machine", "q35,memory-backend=ram", "-m", "64", "-nodefaults", "-display", "none"],
			// In a list of QEMU's a comma is two.
			...["-object", `memory-backend-file,id=ram,size=64M,mem-path=${ramFile.replaceAll(",", ",,")},share=off`],
			...["-global", "migration.send-configuration=off", "-qmp", "stdio", ...more],
		],
		{ stderrFile: join(folder, "qemu.log") },
	);
	onTestFinished(() => process.kill("SIGKILL"));
	const qmp = new Qmp(process.stdout, process.stdin);
	return { qmp, pid: process.pid, ramFile, up: qmp.negotiate() };
}

/** A folder with the state of a machine, and another machine that waits for it. */
async function frozen(name = "state") {
	const folder = join(await tempDir(), name);
	await mkdir(folder);
	const state = join(folder, "live");
	const keys = { client: { private: "", public: "" }, host: { private: "", public: "" } };
	const identity = { fits: sha256("a machine"), ram: "zero", ...keys, bootId: "" };
	const first = await bring(folder);
	await first.up;
	const live = await saveLive(first, { folder: state, limit: 64 * MIB }, identity);
	await live.finish();
	const other = join(folder, "other");
	await mkdir(other);
	const record = await readRecord(state);
	const machine = await bring(other, ["-incoming", "defer"]);
	await loadMemory(machine, state, record, machine.up);
	await machine.up;
	return { state, record, machine };
}

async function statusOf({ qmp }: LiveProcess): Promise<string> {
	return ((await qmp.execute("query-status")) as { status: string }).status;
}

describe("a frozen machine", () => {
	test.each(["state", "o'dd, 50%20 dïr;$(false)"])("goes on from a state in a folder named %s", async (name) => {
		const { state, record, machine } = await frozen(name);
		expect(await statusOf(machine)).toBe("inmigrate");
		await loadDevices(machine, state, record);
		expect(await statusOf(machine)).toBe("running");
	});

	test("has the memory of the state, loaded while QEMU came up, and no other page", async () => {
		const { state, record, machine } = await frozen();
		const pages = join(await tempDir(), "pages");
		const { runs } = savePages(machine.pid, machine.ramFile, pages, { limit: 64 * MIB });
		expect(runs).toEqual(runsOf(record));
		expect((await readFile(pages)).equals(await readFile(join(state, DELTA)))).toBe(true);
		expect(runs.length).toBeGreaterThan(0);
	});

	test("gets no memory where QEMU comes up without having mapped it", async () => {
		const { state, record, machine } = await frozen();
		const elsewhere = { ...machine, ramFile: join(await tempDir(), "other") };
		await writeFile(elsewhere.ramFile, "");
		await expect(loadMemory(elsewhere, state, record, Promise.resolve())).rejects.toMatchObject({
			code: "MACHINE_LOST",
		});
		await expect(loadMemory(elsewhere, state, record, Promise.reject(new Error("ended")))).rejects.toMatchObject({
			code: "MACHINE_LOST",
		});
	});

	test("does not from a device state that is cut short", async () => {
		const { state, record, machine } = await frozen();
		await truncate(join(state, DEVICES), 1000);
		await expect(loadDevices(machine, state, record)).rejects.toThrow();
	});

	test("does not from one that goes on with something else", async () => {
		const { state, record, machine } = await frozen();
		await truncate(join(state, DEVICES), 20_000);
		await appendFile(join(state, DEVICES), Buffer.alloc(400_000, 7));
		await expect(loadDevices(machine, state, record)).rejects.toThrow();
	});

	test("does not when the build is interrupted", async () => {
		const { state, record, machine } = await frozen();
		await expect(loadDevices(machine, state, record, AbortSignal.abort())).rejects.toMatchObject({
			code: "INTERRUPTED",
		});
	});
});
