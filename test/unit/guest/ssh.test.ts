import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { generateKeyPair, SshConnection } from "../../../src/guest/ssh.ts";
import { type SshServer, sshServer } from "./ssh-server.ts";

async function connect(server: SshServer): Promise<SshConnection> {
	const connection = await SshConnection.connect(server.target, 10_000);
	onTestFinished(() => connection.close());
	return connection;
}

/** Run a command and keep what it says, each stream by itself. */
async function run(connection: SshConnection, command: string, options: Parameters<SshConnection["exec"]>[1] = {}) {
	const said = { stdout: "", stderr: "" };
	const { status } = await connection.exec(command, {
		...options,
		onStdout: (data) => {
			said.stdout += Buffer.from(data).toString();
		},
		onStderr: (data) => {
			said.stderr += Buffer.from(data).toString();
		},
	});
	return { status, ...said };
}

describe("a command", () => {
	test("tells its exit status and both streams apart", async () => {
		const connection = await connect(await sshServer());
		expect(await run(connection, "echo out; echo err >&2; exit 3")).toEqual({
			status: 3,
			stdout: "out\n",
			stderr: "err\n",
		});
		expect(await run(connection, "true")).toEqual({ status: 0, stdout: "", stderr: "" });
	});

	test.each([
		["TERM", 143],
		["KILL", 137],
		["SEGV", 139],
		["USR1", 138],
		["ALRM", 142],
	])("that SIG%s ends has the status a shell would give it", async (signal, status) => {
		expect((await run(await connect(await sshServer()), `kill -${signal} $$`)).status).toBe(status);
	});

	test("is given its standard input as text, bytes or stream, and an end of it", async () => {
		const connection = await connect(await sshServer());
		const bytes = Buffer.alloc(3_000_000, "0123456789abcdef");
		for (const stdin of [bytes, bytes.toString(), Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)])]) {
			expect((await run(connection, "wc -c", { stdin })).stdout.trim()).toBe("3000000");
		}
		expect((await run(connection, "cat")).stdout).toBe("");
	});

	test("that ends before it has read its input does not wait for it, and the source is let go", async () => {
		const connection = await connect(await sshServer());
		const endless = new Readable({
			read() {
				this.push(Buffer.alloc(65_536));
			},
		});
		expect((await run(connection, "head -c 10 >/dev/null; exit 4", { stdin: endless })).status).toBe(4);
		expect(endless.destroyed).toBe(true);
	});

	test("whose input fails, fails with the source's error", async () => {
		const connection = await connect(await sshServer());
		const broken = new Readable({
			read() {
				this.destroy(new Error("the file changed"));
			},
		});
		await expect(run(connection, "cat", { stdin: broken })).rejects.toThrow("the file changed");
		expect((await run(connection, "echo on")).stdout).toBe("on\n");
	});

	test("that leaves a process behind with its pipes open is over all the same, its output whole", async () => {
		const connection = await connect(await sshServer());
		const result = await run(connection, "sleep 60 & echo started; echo done; exit 5");
		expect(result).toEqual({ status: 5, stdout: "started\ndone\n", stderr: "" });
	});

	test("that says a lot is heard to the end", async () => {
		const connection = await connect(await sshServer());
		const { stdout, status } = await run(connection, "seq 200000");
		expect([status, stdout.length, stdout.endsWith("200000\n")]).toEqual([0, 1_288_895, true]);
	});

	test("runs beside others on one connection", async () => {
		const server = await sshServer();
		const connection = await connect(server);
		const numbers = Array.from({ length: 8 }, (_, index) => index);
		const results = await Promise.all(numbers.map((number) => run(connection, `echo ${number}; exit ${number}`)));
		expect(results.map(({ status, stdout }) => [status, stdout])).toEqual(
			numbers.map((number) => [number, `${number}\n`]),
		);
		expect(server.clients.size).toBe(1);
	});
});

describe("a connection", () => {
	test("is refused where another host key is shown", async () => {
		const { target } = await sshServer();
		const other = { ...target, hostKey: generateKeyPair("other").public };
		await expect(SshConnection.connect(other, 10_000)).rejects.toThrow();
	});

	test("is refused to another key", async () => {
		const { target } = await sshServer();
		const other = { ...target, key: generateKeyPair("other").private };
		await expect(SshConnection.connect(other, 10_000)).rejects.toThrow();
	});

	test("is refused where nobody listens", async () => {
		const server = await sshServer();
		await server.close();
		await expect(SshConnection.connect(server.target, 10_000)).rejects.toThrow("ECONNREFUSED");
	});

	test("that is given up before it is there is interrupted", async () => {
		const { target } = await sshServer();
		for (const signal of [AbortSignal.abort(), abortSoon()])
			await expect(SshConnection.connect(target, 10_000, signal)).rejects.toMatchObject({ code: "INTERRUPTED" });
	});

	test("that breaks under a command leaves its status unknown", async () => {
		const server = await sshServer();
		const connection = await connect(server);
		const running = run(connection, "echo up; sleep 60", {});
		while (server.commands.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
		server.dropAll();
		expect(await running).toMatchObject({ status: undefined });
		await connection.closed;
		expect(connection.open).toBe(false);
		expect(await run(connection, "true")).toEqual({ status: undefined, stdout: "", stderr: "" });
	});

	test("is closed once, by whoever asks first", async () => {
		const connection = await connect(await sshServer());
		await Promise.all([connection.close(), connection.close()]);
		await connection.close();
		expect(connection.open).toBe(false);
	});
});

function abortSoon(): AbortSignal {
	const controller = new AbortController();
	setImmediate(() => controller.abort());
	return controller.signal;
}

describe("an interrupt", () => {
	test("ends the wait for a command at once, and the connection serves on", async () => {
		const connection = await connect(await sshServer());
		const controller = new AbortController();
		const running = run(connection, "echo up; exec sleep 60", { signal: controller.signal });
		setTimeout(() => controller.abort(), 50);
		await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
		expect((await run(connection, "echo on")).stdout).toBe("on\n");
	});

	test("before the command starts keeps it from starting", async () => {
		const server = await sshServer();
		const connection = await connect(server);
		await expect(run(connection, "true", { signal: AbortSignal.abort() })).rejects.toMatchObject({
			code: "INTERRUPTED",
		});
		expect(server.commands).toEqual([]);
	});

	test("lets go of what was being sent", async () => {
		const connection = await connect(await sshServer());
		const controller = new AbortController();
		const stdin = new Readable({ read: () => undefined });
		const running = run(connection, "cat", { signal: controller.signal, stdin });
		setTimeout(() => controller.abort(), 50);
		await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
		expect(stdin.destroyed).toBe(true);
	});

	test("before the command starts lets go of what was to be sent", async () => {
		const connection = await connect(await sshServer());
		const stdin = new Readable({ read: () => undefined });
		const controller = new AbortController();
		const running = run(connection, "cat", { signal: controller.signal, stdin });
		controller.abort();
		await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
		expect(stdin.destroyed).toBe(true);
	});
});

test("every key pair is new, and its comment is its name", () => {
	const [one, two] = [generateKeyPair("a"), generateKeyPair("a")];
	expect(one.public).toMatch(/^ssh-ed25519 [\w+/=]+ a$/);
	expect(one.public).not.toBe(two.public);
	expect(one.private).toContain("BEGIN OPENSSH PRIVATE KEY");
});

test("no key pair is one that its owner cannot read", () => {
	const lengths = new Set<number>();
	// ssh2 alone makes one in 256 too short.
	for (let count = 0; count < 1500; count += 1) {
		const [, text = ""] = generateKeyPair("a").public.split(" ");
		lengths.add(Buffer.from(text, "base64").length);
	}
	expect([...lengths]).toEqual([51]);
});
