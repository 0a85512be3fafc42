import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DiskSlots } from "../../../../src/machine/qemu/attach.ts";
import { Qmp } from "../../../../src/machine/qemu/qmp.ts";
import { startCompanion } from "../../../../src/system/process.ts";
import { localGuest, runHere } from "../../guest/local-guest.ts";
import { tempDir } from "../../system/child.ts";

/** QEMU with a SCSI controller and no guest that would run; the guest's part is said by the test. */
async function bring() {
	const folder = await tempDir();
	const machine = ["-machine", "q35", "-m", "64", "-nodefaults", "-display", "none", "-S"];
	const process = await startCompanion(
		"qemu-system-x86_64",
		[...machine, "-device", "virtio-scsi-pci,id=scsi", "-qmp", "stdio"],
		{ stderrFile: join(folder, "qemu.log") },
	);
	onTestFinished(() => process.kill("SIGKILL"));
	const qmp = new Qmp(process.stdout, process.stdin);
	await qmp.negotiate();
	const disk = async (name: string, format: "qcow2" | "raw" = "qcow2"): Promise<string> => {
		const file = join(folder, name);
		await runHere(["qemu-img", "create", "-q", "-f", format, file, "1M"]);
		return file;
	};
	const nodes = async (): Promise<string[]> => {
		const found = (await qmp.execute("query-named-block-nodes")) as { "node-name": string }[];
		return found.map((node) => node["node-name"]).filter((name) => name.startsWith("nodebuild-"));
	};
	return { qmp, slots: new DiskSlots(qmp), disk, nodes, process };
}

/** A guest that sees each disk under the next name, and notes what it is asked. */
function seeing() {
	let count = 0;
	return localGuest(({ stdin }) => {
		if (!String(stdin).includes("/sys/block/*")) return { stdout: "" };
		count += 1;
		return { stdout: `/dev/sd${"abc"[count - 1]}\n` };
	});
}

test("disks come and go, several at a time, and leave nothing in QEMU", async () => {
	const { slots, disk, nodes } = await bring();
	const guest = seeing();
	const first = await slots.attach({ file: await disk("a, b"), format: "qcow2", readOnly: false }, guest);
	const second = await slots.attach({ file: await disk("c", "raw"), format: "raw", readOnly: true }, guest);
	expect([first.device, second.device]).toEqual(["/dev/sda", "/dev/sdb"]);
	expect([slots.count, new Set(await nodes()).size]).toEqual([2, 2]);
	await first.detach();
	await second.detach();
	expect([slots.count, await nodes()]).toEqual([0, []]);
	expect(guest.asked.map(({ stdin }) => String(stdin)).filter((text) => text.includes("device/delete")).length).toBe(2);
});

test("a disk that the guest does not show is taken away again, and the error says what the kernel lacks", async () => {
	const { slots, disk, nodes } = await bring();
	const file = await disk("a");
	const blind = localGuest(() => ({ status: 1, stderr: "nothing appeared" }));
	await expect(slots.attach({ file, format: "qcow2", readOnly: false }, blind)).rejects.toMatchObject({
		code: "MACHINE_LOST",
		hint: expect.stringContaining("virtio_scsi"),
	});
	expect([slots.count, await nodes()]).toEqual([0, []]);
});

test("a disk that is there but cannot be opened yet is waited for", async () => {
	const { slots, disk } = await bring();
	const guest = seeing();
	await (await slots.attach({ file: await disk("a"), format: "qcow2", readOnly: false }, guest)).detach();
	const asked = guest.asked.map(({ stdin }) => String(stdin)).find((text) => text.includes("/sys/block/*")) ?? "";
	const name = /\[ "\$model" = (\S+) \]/.exec(asked)?.[1] ?? "";
	const root = await tempDir();
	await mkdir(join(root, "sys/sda/device"), { recursive: true });
	await writeFile(join(root, "sys/sda/device/model"), `${name}\n`);
	// To open a socket is an error, as it is of a disk whose kernel is not done with it.
	const socket = createServer().listen(join(root, "sda"));
	await once(socket, "listening");
	const script = asked
		.replaceAll("/sys/block/", `${root}/sys/`)
		.replaceAll("/dev/", `${root}/`)
		.replaceAll(`${root}/null`, "/dev/null")
		.replace("[ -b ", "[ -e ");
	const seen = runHere(["sh", "-s"], { stdin: script.replace("sleep 0.02", `echo >> ${root}/tries; sleep 0.02`) });
	for (; !existsSync(join(root, "tries")); await new Promise((resolve) => setTimeout(resolve, 5)));
	socket.close();
	await writeFile(join(root, "new"), "");
	await rename(join(root, "new"), join(root, "sda"));
	expect(await seen).toMatchObject({ status: 0, stdout: `${join(root, "sda")}\n` });
});

test("a file that is no disk is refused, and nothing stays", async () => {
	const { slots, nodes } = await bring();
	const attached = slots.attach({ file: "/nonexistent", format: "raw", readOnly: true }, seeing());
	await expect(attached).rejects.toMatchObject({ code: "MACHINE_LOST" });
	expect([slots.count, await nodes()]).toEqual([0, []]);
});

test("detaching ends when QEMU has ended", async () => {
	const { slots, disk, process } = await bring();
	const attached = await slots.attach({ file: await disk("a"), format: "qcow2", readOnly: false }, seeing());
	process.kill("SIGKILL");
	await expect(attached.detach()).rejects.toMatchObject({ code: "MACHINE_LOST" });
});
