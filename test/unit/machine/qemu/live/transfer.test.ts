import { appendFile, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../../../src/digest.ts";
import { DEVICES, readRecord } from "../../../../../src/machine/qemu/live/state.ts";
import { type LiveProcess, loadLive, saveLive } from "../../../../../src/machine/qemu/live/transfer.ts";
import { Qmp } from "../../../../../src/machine/qemu/qmp.ts";
import { startCompanion } from "../../../../../src/system/process.ts";
import { tempDir } from "../../../system/child.ts";

const MIB = 2 ** 20;

/** A machine without disks, which runs its firmware, or waits for a state. */
async function bring(folder: string, more: readonly string[] = []): Promise<LiveProcess> {
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
	await qmp.negotiate();
	return { qmp, pid: process.pid, ramFile };
}

/** A folder with the state of a machine, and another machine that waits for it. */
async function frozen(name = "state") {
	const folder = join(await tempDir(), name);
	await mkdir(folder);
	const state = join(folder, "live");
	const keys = { client: { private: "", public: "" }, host: { private: "", public: "" } };
	const identity = { fits: sha256("a machine"), ram: "zero", ...keys, bootId: "" };
	const live = await saveLive(await bring(folder), { folder: state, limit: 64 * MIB }, identity);
	await live.finish();
	const other = join(folder, "other");
	await mkdir(other);
	return { state, record: await readRecord(state), machine: await bring(other, ["-incoming", "defer"]) };
}

async function statusOf({ qmp }: LiveProcess): Promise<string> {
	return ((await qmp.execute("query-status")) as { status: string }).status;
}

describe("a frozen machine", () => {
	test.each(["state", "o'dd, 50%20 dïr;$(false)"])("goes on from a state in a folder named %s", async (name) => {
		const { state, record, machine } = await frozen(name);
		expect(await statusOf(machine)).toBe("inmigrate");
		await loadLive(machine, state, record);
		expect(await statusOf(machine)).toBe("running");
	});

	test("does not from a device state that is cut short", async () => {
		const { state, record, machine } = await frozen();
		await truncate(join(state, DEVICES), 1000);
		await expect(loadLive(machine, state, record)).rejects.toThrow();
	});

	test("does not from one that goes on with something else", async () => {
		const { state, record, machine } = await frozen();
		await truncate(join(state, DEVICES), 20_000);
		await appendFile(join(state, DEVICES), Buffer.alloc(400_000, 7));
		await expect(loadLive(machine, state, record)).rejects.toThrow();
	});

	test("does not when the build is interrupted", async () => {
		const { state, record, machine } = await frozen();
		await expect(loadLive(machine, state, record, AbortSignal.abort())).rejects.toMatchObject({ code: "INTERRUPTED" });
	});
});
