/** Our client against QEMU's own server. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withNbdDevice } from "../../../../src/machine/qemu/nbd.ts";

const MIB = 2 ** 20;
let folder: string;
let server: ChildProcess;
const socket = () => join(folder, "socket");

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "nodebuild-nbd-"));
	const below = join(folder, "below.qcow2");
	const disk = join(folder, "disk.qcow2");
	execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", below, "8G"]);
	execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 7 1M 1M", "-c", "write -P 8 6G 64k", below], {
		stdio: "ignore",
	});
	execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", disk]);
	server = spawn("qemu-nbd", ["-t", "-f", "qcow2", "--discard=unmap", "-x", "disk", "-k", socket(), disk], {
		stdio: "ignore",
	});
	while (!existsSync(socket())) await setTimeout(10);
});
afterAll(async () => {
	server.kill();
	await once(server, "exit");
	await rm(folder, { recursive: true, force: true });
});

test("size, content, what is written, and clearing", async () => {
	await withNbdDevice(socket(), "disk", async (disk) => {
		expect(disk.size).toBe(8 * 1024 * MIB);
		expect((await disk.read(MIB - 2, 4)).toString("hex")).toBe("00000707");
		expect(await disk.written({ offset: 0, length: disk.size })).toEqual([
			{ offset: MIB, length: MIB },
			{ offset: 6 * 1024 * MIB, length: 64 * 1024 },
		]);
		await disk.clear({ offset: MIB, length: MIB / 2 });
		await disk.clear({ offset: 2 * 1024 * MIB, length: 5 * 1024 * MIB });
		expect(await disk.written({ offset: 0, length: disk.size })).toEqual([{ offset: 1.5 * MIB, length: MIB / 2 }]);
		const large = await disk.read(0, 9 * MIB);
		expect(large.indexOf(7)).toBe(1.5 * MIB);
		expect(large.lastIndexOf(7)).toBe(2 * MIB - 1);
	});
});

test("what the server refuses, and a server that is not there, are errors; what the user throws is its own", async () => {
	await expect(withNbdDevice(socket(), "other", async () => 0)).rejects.toMatchObject({ code: "MACHINE_LOST" });
	await expect(withNbdDevice(`${socket()}x`, "disk", async () => 0)).rejects.toMatchObject({ code: "MACHINE_LOST" });
	await expect(withNbdDevice(socket(), "disk", (disk) => disk.read(disk.size, 1))).rejects.toMatchObject({
		code: "MACHINE_LOST",
	});
	expect(await withNbdDevice(socket(), "disk", async () => "used")).toBe("used");
});
