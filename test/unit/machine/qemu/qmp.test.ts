import { spawn } from "node:child_process";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { type QmpEvent, Qmp } from "../../../../src/machine/qemu/qmp.ts";

/** A peer over real streams: what it was sent, and a way to answer. */
function peer() {
	const input = new PassThrough();
	const output = new PassThrough();
	let sent = "";
	output.on("data", (data: Buffer) => {
		sent += data.toString();
	});
	const say = (message: unknown): void => {
		input.write(`${typeof message === "string" ? message : JSON.stringify(message)}\r\n`);
	};
	const commands = () =>
		sent
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => JSON.parse(line));
	return { qmp: new Qmp(input, output), input, say, commands };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("answers find their commands by id, in whatever order and whatever pieces they come", async () => {
	const { qmp, input, commands } = peer();
	const one = qmp.execute("one");
	const two = qmp.execute("two", { a: 1 });
	expect(commands()).toMatchObject([{ execute: "one" }, { execute: "two", arguments: { a: 1 } }]);
	const [first, second] = commands();
	const text = `${JSON.stringify({ return: "b", id: second.id })}\r\n${JSON.stringify({ return: "a", id: first.id })}\r\n`;
	for (const char of text) input.write(char);
	expect(await Promise.all([one, two])).toEqual(["a", "b"]);
});

test("a refusal names the command and says why", async () => {
	const { qmp, say, commands } = peer();
	const refused = qmp.execute("blockdev-add");
	say({ error: { class: "GenericError", desc: "Node name exists" }, id: commands()[0].id });
	await expect(refused).rejects.toMatchObject({
		code: "MACHINE_LOST",
		message: "QEMU refused blockdev-add: Node name exists",
	});
});

test("commands wait for the greeting; what is not QMP is passed over", async () => {
	const { qmp, say, commands } = peer();
	const ready = qmp.negotiate();
	for (const line of ["warning: something", "null", "5", "[]", '""']) say(line);
	await settled();
	expect(commands()).toEqual([]);
	say({ QMP: { version: {}, capabilities: [] } });
	await settled();
	say({ return: {}, id: commands()[0].id });
	await ready;
	expect(commands()).toMatchObject([{ execute: "qmp_capabilities" }]);
});

test("events go to all that listen, until they stop", async () => {
	const { qmp, say } = peer();
	const heard: QmpEvent[] = [];
	const stop = qmp.onEvent((event) => heard.push(event));
	say({ event: "SHUTDOWN", data: { guest: true }, timestamp: {} });
	say({ event: "STOP" });
	await settled();
	stop();
	say({ event: "RESUME" });
	await settled();
	expect(heard).toEqual([
		{ event: "SHUTDOWN", data: { guest: true } },
		{ event: "STOP", data: {} },
	]);
});

test("a QEMU that ends fails what was asked and what will be asked", async () => {
	const { qmp, input } = peer();
	const asked = qmp.execute("query-status");
	const greeted = qmp.negotiate();
	input.end();
	for (const command of [asked, greeted, settled().then(() => qmp.execute("later"))]) {
		await expect(command).rejects.toMatchObject({ code: "MACHINE_LOST" });
	}
});

test("a real QEMU, without a machine, is spoken to", async () => {
	const qemu = spawn("qemu-system-x86_64", ["-machine", "none", "-nodefaults", "-display", "none", "-qmp", "stdio"]);
	onTestFinished(() => {
		qemu.kill("SIGKILL");
	});
	const qmp = new Qmp(qemu.stdout, qemu.stdin);
	const events: string[] = [];
	qmp.onEvent(({ event }) => events.push(event));
	await qmp.negotiate();
	expect(await qmp.execute("query-status")).toMatchObject({ running: true });
	expect(await qmp.human("info name")).toBe("");
	await expect(qmp.execute("no-such-command")).rejects.toThrow("no-such-command");
	const exited = new Promise((resolve) => qemu.once("exit", resolve));
	await qmp.execute("quit");
	expect(await exited).toBe(0);
	expect(events).toContain("SHUTDOWN");
	await expect(qmp.execute("query-status")).rejects.toMatchObject({ code: "MACHINE_LOST" });
});
