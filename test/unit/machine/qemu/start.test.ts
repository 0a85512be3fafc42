import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { create } from "../../../../src/layers/qcow2.ts";
import { startMachine } from "../../../../src/machine/qemu/start.ts";
import { tempDir } from "../../system/child.ts";

test.each([
	["ABRT", "QEMU_CRASHED", /did not start: .*killed by SIGABRT/],
	["SEGV", "QEMU_CRASHED", /killed by SIGSEGV/],
	["KILL", "MACHINE_START", /killed by SIGKILL/],
])("a QEMU that ends by SIG%s while the machine boots is %s", async (signal, code, message) => {
	const folder = await tempDir();
	const disk = join(folder, "base.qcow2");
	await create(disk, "qcow2", 64 * 2 ** 20);
	const qemu = join(folder, "qemu");
	await writeFile(qemu, `#!/bin/sh\necho "section_index < 3 failed" >&2\nkill -${signal} $$\n`, { mode: 0o755 });
	const starting = startMachine({
		spec: { memory: 128, cpus: 1 },
		disk: { backing: disk, backingName: "base.qcow2", virtualSize: 64 * 2 ** 20 },
		folder,
		qemu,
		accelerator: "tcg",
		purpose: "run",
		firstBoot: false,
	});
	await expect(starting).rejects.toMatchObject({
		code,
		message: expect.stringMatching(message),
		details: ["QEMU said:", "  section_index < 3 failed"],
	});
});

test("a port that is taken when QEMU comes to it is named as one that was taken before", async () => {
	const folder = await tempDir();
	const disk = join(folder, "base.qcow2");
	await create(disk, "qcow2", 64 * 2 ** 20);
	const server = createServer().listen(0, "127.0.0.1");
	onTestFinished(() => void server.close());
	await once(server, "listening");
	const address = server.address();
	const host = typeof address === "object" && address !== null ? address.port : 0;
	const starting = startMachine({
		spec: { memory: 128, cpus: 1, forwards: [{ host, guest: 80, protocol: "tcp" }] },
		disk: { backing: disk, backingName: "base.qcow2", virtualSize: 64 * 2 ** 20 },
		folder,
		qemu: "qemu-system-x86_64",
		accelerator: "tcg",
		purpose: "run",
		firstBoot: false,
	});
	await expect(starting).rejects.toMatchObject({
		code: "USAGE",
		message: `the host's port ${host} (TCP) is in use; it was to be forwarded to port 80 of the machine`,
		details: [],
	});
});
