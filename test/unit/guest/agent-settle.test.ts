/** The program in a guest settles it by itself: systemd's side of the socket is played by the test. */
import { readFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { tempDir } from "../system/child.ts";
import { agentProgram, connectTo } from "./agent-program.ts";

const AUTH = "\0AUTH EXTERNAL 30\r\nBEGIN\r\n";

/** Answers the greeting, and the question as `answer` does. Resolves with the socket's path and what is asked on it. */
async function manager(answer: (socket: Socket) => void, greeting = "OK 0123456789abcdef\r\n") {
	const asked: Buffer[] = [];
	const server = createServer((socket) => {
		socket.on("error", () => undefined);
		socket.on("data", (data) => {
			if (data.toString("latin1") === AUTH) return socket.write(greeting);
			asked.push(data);
			return answer(socket);
		});
	});
	const path = join(await tempDir(), "private");
	await new Promise<void>((resolve) => server.listen(path, resolve));
	onTestFinished(() => void server.close());
	return { path, asked };
}

/** A message of the D-Bus specification: type 2 is an answer, 3 an error, 4 a signal. */
function message(type: number, signature: string, body: Buffer): Buffer {
	const fields = Buffer.from(`\x08\x01g\0${String.fromCharCode(signature.length)}${signature}\0`, "latin1");
	const head = Buffer.alloc(16);
	head.write(`l${String.fromCharCode(type)}\x01\x01`, "latin1");
	head.writeUInt32LE(body.length, 4);
	head.writeUInt32LE(7, 8);
	head.writeUInt32LE(fields.length, 12);
	return Buffer.concat([head, fields, Buffer.alloc((8 - (fields.length % 8)) % 8), body]);
}

function variant(text: string): Buffer {
	const length = Buffer.alloc(4);
	length.writeUInt32LE(text.length);
	return Buffer.concat([Buffer.from("\x01s\0\0"), length, Buffer.from(`${text}\0`)]);
}

/** What is said to "settle", of which a shell would print its input's number of bytes. */
async function settle(path: string): Promise<string> {
	const connection = await connectTo(agentProgram(path));
	onTestFinished(() => connection.destroy());
	let stdout = "";
	const { status } = await connection.exec("wc -c", {
		direct: { argv: ["/no/such/program"], env: [], cwd: "/", builtin: { name: "settle" } },
		stdin: "x".repeat(500_000),
		onStdout: (data) => {
			stdout += Buffer.from(data).toString();
		},
	});
	expect(status).toBe(0);
	// It serves whoever comes next.
	expect(await connection.exec("exit 3")).toEqual({ status: 3 });
	return stdout;
}

describe("the program that settles a guest", () => {
	test("tells its boot and what systemd says", async () => {
		const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
		const { path, asked } = await manager((socket) => {
			socket.write(message(4, "s", Buffer.from("\x03\0\0\0abc\0")));
			socket.write(message(2, "v", variant("stopping")));
		});
		expect(await settle(path)).toBe(`${boot}stopping\n`);
		const [question] = asked;
		// As busctl asks: header, fields in 8 bytes each, then the two words.
		expect(question?.subarray(0, 4).toString("latin1")).toBe("l\x01\0\x01");
		const words = question?.toString("latin1").match(/[\w./]{3,}/g);
		expect(words).toEqual([
			"/org/freedesktop/systemd1",
			"org.freedesktop.DBus.Properties",
			"Get",
			"org.freedesktop.systemd1",
			"org.freedesktop.systemd1.Manager",
			"SystemState",
		]);
		const fields = question?.readUInt32LE(12) ?? 0;
		expect(question).toHaveLength(16 + Math.ceil(fields / 8) * 8 + (question?.readUInt32LE(4) ?? 0));
	});

	test.each<[string, (socket: Socket) => void, string?]>([
		["refuses", (socket) => socket.end(), "REJECTED EXTERNAL\r\n"],
		["has no such property", (socket) => socket.write(message(3, "s", Buffer.from("\x02\0\0\0no\0")))],
		["hangs up", (socket) => socket.end()],
		["stops in the middle", (socket) => socket.end(message(2, "v", variant("running")).subarray(0, -4))],
	])("leaves it to a shell, with all of its input, where systemd %s", async (_what, answer, greeting) => {
		const { path } = await manager(answer, greeting);
		expect((await settle(path)).trim()).toBe("500000");
	});

	test("leaves it to a shell where there is no systemd", async () => {
		expect((await settle(join(await tempDir(), "nobody"))).trim()).toBe("500000");
	});
});
