import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { cleanConsole, QemuMachine } from "../../../../src/machine/qemu/machine.ts";
import { Qmp } from "../../../../src/machine/qemu/qmp.ts";
import { startCompanion } from "../../../../src/system/process.ts";
import { tempDir } from "../../system/child.ts";

const REST = { hostKey: "ssh-ed25519 AAAA", virtualSize: 1024 };

/** QEMU with the given options and no machine in it. */
async function bring(args: readonly string[]) {
	const folder = await tempDir();
	const process = await startCompanion(
		"qemu-system-x86_64",
		["-machine", "none", "-nodefaults", "-display", "none", "-qmp", "stdio", ...args],
		{ stderrFile: join(folder, "qemu.log") },
	);
	onTestFinished(() => process.kill("SIGKILL"));
	const qmp = new Qmp(process.stdout, process.stdin);
	const file = join(folder, "x");
	const files = { disk: file, diskNode: "disk-0", seed: file, tools: file, console: file };
	const machine = new QemuMachine({ qmp, process, files, folder, ...REST, accelerator: "tcg" });
	await qmp.negotiate();
	return { machine, process };
}

const MANAGEMENT = ["-netdev", "user,id=management,restrict=on,net=10.0.3.0/24,hostfwd=tcp:127.0.0.1:0-10.0.3.15:22"];

test("the kernel's choice of ports is read from QEMU", async () => {
	const forwards = "hostfwd=tcp:127.0.0.1:0-:80,hostfwd=udp:127.0.0.1:0-:53";
	const { machine } = await bring(["-netdev", `user,id=primary,${forwards}`, ...MANAGEMENT]);
	await machine.readPorts();
	expect([...machine.ports.keys()].sort()).toEqual(["53/udp", "80/tcp"]);
	const ports = [...machine.ports.values(), machine.managementPort];
	expect(new Set(ports).size).toBe(3);
	for (const port of ports) expect(port).toBeGreaterThan(1023);
	await machine.quit();
	expect(machine.ended).toBe(true);
	expect(machine.failure).toBeUndefined();
});

test("without the forwarded SSH port there is no machine", async () => {
	const { machine } = await bring(["-netdev", "user,id=primary"]);
	await expect(machine.readPorts()).rejects.toMatchObject({ code: "MACHINE_START" });
	await machine.kill();
});

test("a QEMU that is killed from outside says so, one that we end does not", async () => {
	const lost = await bring([]);
	spawn("kill", ["-KILL", String(lost.process.pid)]);
	await lost.machine.gone;
	expect(lost.machine.failure).toMatchObject({ code: "MACHINE_LOST", message: expect.stringContaining("SIGKILL") });
	const ended = await bring([]);
	await ended.machine.kill();
	expect(ended.machine.failure).toBeUndefined();
});

/** No host can be relied on to have a KVM that fails: this plays QEMU's part, as its monitor tells of one. */
async function monitorThatSays(status: string) {
	const folder = await tempDir();
	const process = await startCompanion("sleep", ["60"], { stderrFile: join(folder, "qemu.log") });
	onTestFinished(() => process.kill("SIGKILL"));
	const [answers, commands] = [new PassThrough(), new PassThrough()];
	const say = (what: unknown): boolean => answers.write(`${JSON.stringify(what)}\r\n`);
	createInterface(commands).on("line", (line) => {
		const { execute, id } = JSON.parse(line) as { execute: string; id?: unknown };
		say({ return: execute === "query-status" ? { status, running: false } : {}, id });
		if (execute === "query-status") commands.end();
	});
	const qmp = new Qmp(answers, commands);
	const file = join(folder, "x");
	const files = { disk: file, diskNode: "disk-0", seed: file, tools: file, console: file };
	const machine = new QemuMachine({ qmp, process, files, folder, ...REST, accelerator: "kvm" });
	say({ QMP: { version: {}, capabilities: [] } });
	await qmp.negotiate();
	say({ event: "STOP", timestamp: {} });
	return { machine, asked: once(commands, "end") };
}

test("a guest that KVM cannot run is no machine any more, and that is said", async () => {
	const { machine } = await monitorThatSays("internal-error");
	await machine.gone;
	expect(machine.failure).toMatchObject({ code: "KVM_FAILED", hint: expect.stringContaining("emulated") });
});

test("a guest that stands still because we asked for it goes on", async () => {
	const { machine, asked } = await monitorThatSays("paused");
	await asked;
	expect([machine.failure, machine.ended]).toEqual([undefined, false]);
});

test("a machine is not spoken to before it is connected, and an absent console has no lines", async () => {
	const { machine } = await bring([]);
	expect(() => machine.guest).toThrow("not connected");
	expect(await machine.consoleTail(5)).toEqual([]);
	await machine.kill();
});

test("console text loses the boot loader's escape sequences and blank lines", () => {
	const text =
		"\u001b[2J\u001b[01;01H\u001b[=3hBooting `Debian'\r\n\r\n\u001b(B\u001b[0;32m  OK  \u001b[0m] Started  \rnext";
	expect(cleanConsole(text)).toEqual(["Booting `Debian'", "  OK  ] Started", "next"]);
});
