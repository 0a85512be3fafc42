import { createHash } from "node:crypto";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { AgentConnection } from "../../../src/guest/agent/agent.ts";
import type { ChannelOptions } from "../../../src/guest/connection.ts";
import { SshGuest } from "../../../src/guest/guest.ts";
import { agentProgram, connectTo, endProgram, type Program } from "./agent-program.ts";
import { sshServer } from "./ssh-server.ts";

async function connect(program: Program): Promise<AgentConnection> {
	const connection = await connectTo(program);
	onTestFinished(() => connection.destroy());
	return connection;
}

async function run(connection: AgentConnection, line: string, options: ChannelOptions = {}) {
	const told = { stdout: "", stderr: "" };
	const { status } = await connection.exec(line, {
		...options,
		onStdout: (data) => {
			told.stdout += Buffer.from(data).toString("latin1");
		},
		onStderr: (data) => {
			told.stderr += Buffer.from(data).toString("latin1");
		},
	});
	return { status, ...told };
}

describe("a command", () => {
	test("has its output, both apart, and its exit status", async () => {
		const connection = await connect(agentProgram());
		expect(await run(connection, "echo out; echo err >&2; exit 7")).toEqual({
			status: 7,
			stdout: "out\n",
			stderr: "err\n",
		});
		expect((await run(connection, "kill -TERM $$")).status).toBe(143);
		expect(await run(connection, "no-such-command")).toMatchObject({ status: 127 });
	});

	test("is a session of its own, with the signals and the standard input that commands expect", async () => {
		const connection = await connect(agentProgram());
		const stat = (await run(connection, "read -r stat < /proc/$$/stat; echo $stat")).stdout.split(" ");
		expect(stat[5]).toBe(stat[0]);
		const ignored = (await run(connection, "grep SigIgn /proc/self/status")).stdout.split(/\s/)[1];
		// From 32 on they are the C library's.
		expect(BigInt(`0x${ignored}`) & 0x7fffffffn).toBe(0n);
		expect((await run(connection, "readlink /proc/self/fd/0")).stdout).toBe("/dev/null\n");
		expect((await run(connection, "ls /proc/self/fd")).stdout).toBe("0\n1\n2\n3\n");
		expect((await run(connection, "umask; pwd")).stdout).toBe("0022\n/\n");
		// Its pipe is closed: it ends by that.
		expect((await run(connection, "yes | head -n 1; exit 3")).status).toBe(3);
	});

	test("without a shell is the same, and what cannot be run so is run with one", async () => {
		const connection = await connect(agentProgram());
		const direct = { argv: ["/usr/bin/env"], env: [["A", "b=c\nd"]] as const, cwd: "/" };
		expect((await run(connection, "exec env -i 'A=b=c\nd' env", { direct })).stdout).toBe("A=b=c\nd\n");
		const missing = { argv: ["/no/such/program"], env: [], cwd: "/" };
		expect(await run(connection, "exec /no/such/program", { direct: missing })).toMatchObject({ status: 127 });
		const nowhere = { argv: ["/bin/pwd"], env: [], cwd: "/no/such/folder" };
		expect(await run(connection, "cd /usr; exec pwd", { direct: nowhere })).toMatchObject({ stdout: "/usr\n" });
	});

	test("takes and gives any bytes, more than fit anywhere", async () => {
		const connection = await connect(agentProgram());
		const bytes = Buffer.alloc(9_000_000, "\0\xff\n any bytes", "latin1");
		const told = await run(connection, "cat; echo end >&2", { stdin: bytes });
		expect(createHash("sha256").update(told.stdout, "latin1").digest("hex")).toBe(
			createHash("sha256").update(bytes).digest("hex"),
		);
		expect(told.stderr).toBe("end\n");
		const stream = Readable.from([bytes, bytes]);
		expect((await run(connection, "wc -c", { stdin: stream })).stdout.trim()).toBe("18000000");
	});

	test("that does not read its input, or not all of it, is done when it is done", async () => {
		const connection = await connect(agentProgram());
		const bytes = Buffer.alloc(9_000_000);
		expect(await run(connection, "exec 0<&-; echo on", { stdin: bytes })).toMatchObject({ stdout: "on\n" });
		const endless = Readable.from(
			(function* () {
				for (;;) yield bytes;
			})(),
		);
		expect(await run(connection, "head -c 3 | wc -c", { stdin: endless })).toMatchObject({ stdout: "3\n" });
		expect(endless.destroyed).toBe(true);
	});

	test("ends with the error of its input", async () => {
		const connection = await connect(agentProgram());
		const stdin = new Readable({ read: () => stdin.destroy(new Error("the disk is gone")) });
		await expect(connection.exec("cat", { stdin })).rejects.toThrow("the disk is gone");
		expect((await run(connection, "echo on")).stdout).toBe("on\n");
	});

	test("is done a moment after its end when something holds its output", async () => {
		const connection = await connect(agentProgram());
		expect(await run(connection, "sleep 60 & echo $!; exit 4")).toMatchObject({ status: 4 });
	});

	test("is left when it is interrupted", async () => {
		const connection = await connect(agentProgram());
		const signal = AbortSignal.timeout(100);
		await expect(connection.exec("sleep 60", { signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
		await expect(connection.exec("true", { signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
		expect((await run(connection, "echo on")).stdout).toBe("on\n");
	});

	test("runs beside others", async () => {
		const connection = await connect(agentProgram());
		const many = Array.from({ length: 20 }, (_, index) => run(connection, `sleep 0.0${index % 5}; echo ${index}`));
		expect((await Promise.all(many)).map(({ stdout }) => stdout)).toEqual(many.map((_, index) => `${index}\n`));
	});
});

describe("connecting", () => {
	test("takes the place of who was there before", async () => {
		const target = agentProgram();
		const first = await connect(target);
		const left = run(first, "sleep 60");
		const second = await connect(target);
		expect(await left).toMatchObject({ status: undefined });
		await first.closed;
		expect(first.open).toBe(false);
		expect((await run(second, "echo on")).stdout).toBe("on\n");
	});

	test("needs the key, and leaves who has it alone", async () => {
		const target = agentProgram();
		const connection = await connect(target);
		const other = { ...target, key: "00".repeat(32) };
		await expect(AgentConnection.connect(other, { timeout: 10_000, wake: false })).rejects.toThrow("closed");
		expect((await run(connection, "echo on")).stdout).toBe("on\n");
	});

	test("changes the key: who knows the one before does not get in", async () => {
		const program = agentProgram();
		const { key } = program;
		await connect(program);
		expect(program.key).not.toBe(key);
		await expect(connectTo({ ...program, key })).rejects.toThrow("closed");
		expect((await run(await connect(program), "echo on")).stdout).toBe("on\n");
	});

	test("is not kept from it by others who hold connections, or send what means nothing", async () => {
		const program = agentProgram();
		const first = await connect(program);
		const strangers = Array.from({ length: 300 }, () => createConnection(program.port, program.host));
		onTestFinished(() => {
			for (const socket of strangers) socket.destroy();
		});
		for (const socket of strangers) socket.on("error", () => undefined).write(Buffer.alloc(100, 7));
		await Promise.all(strangers.slice(0, 200).map((socket) => new Promise((done) => socket.once("close", done))));
		expect((await run(first, "echo on")).stdout).toBe("on\n");
		expect((await run(await connect(program), "echo on")).stdout).toBe("on\n");
	});

	test("is possible again after one that broke while commands were fed and told", async () => {
		const program = agentProgram();
		const bytes = Buffer.alloc(65_536);
		for (let round = 0; round < 12; round++) {
			const connection = await connect(program);
			const endless = (): Readable =>
				Readable.from(
					(function* () {
						for (;;) yield bytes;
					})(),
				);
			const running = ["cat >/dev/null", "cat", "wc -c"].map((line) => connection.exec(line, { stdin: endless() }));
			await new Promise((resolve) => setTimeout(resolve, 5 * round));
			connection.destroy();
			await Promise.all(running);
		}
		expect((await run(await connect(program), "ls /proc/$PPID/fd | wc -l; echo on")).stdout).toMatch(/^1\d\non\n$/);
	});

	test("fails when something else answers, or nothing does", async () => {
		const impostor = createServer((socket) => socket.write(Buffer.alloc(64)));
		const silent = createServer(() => undefined);
		for (const [server, message] of [
			[impostor, "it does not have the key"],
			[silent, "no answer within 200 ms"],
		] as const) {
			await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
			onTestFinished(() => {
				server.close();
			});
			const { port } = server.address() as AddressInfo;
			const target = { host: "127.0.0.1", port, key: "00".repeat(32) };
			await expect(AgentConnection.connect(target, { timeout: 200, wake: false })).rejects.toThrow(message);
		}
	});
});

describe("a guest", () => {
	async function resumed() {
		const agent = agentProgram();
		const server = await sshServer();
		const never = new Promise<void>(() => undefined);
		const guest = await SshGuest.connect({
			target: server.target,
			gone: never,
			bootTimeout: 20_000,
			// The clock of this host is not to be set.
			resumed: { timeout: 20_000, agent, wake: false },
		});
		agent.key = guest.agentKey ?? "";
		onTestFinished(() => guest.close());
		return { agent, server, guest };
	}
	const echo = { argv: ["/bin/echo", "on"], place: "access" } as const;

	test("that was frozen runs commands without SSH", async () => {
		const { guest, server } = await resumed();
		expect((await guest.capture(echo)).stdout).toBe("on\n");
		expect(guest.agentKey).toBeDefined();
		expect(server.clients.size).toBe(0);
	});

	test("whose program is gone is reached over SSH", async () => {
		const { guest, server, agent } = await resumed();
		await endProgram(agent);
		await guest.disconnected;
		expect((await guest.capture(echo)).stdout).toBe("on\n");
		expect(guest.agentKey).toBeUndefined();
		expect(server.commands).toHaveLength(1);
	});

	test("whose program is gone is connected once for all commands", async () => {
		const { guest, server, agent } = await resumed();
		await endProgram(agent);
		await guest.disconnected;
		const all = await Promise.all([1, 2, 3].map(() => guest.capture(echo)));
		expect(all.map(({ stdout }) => stdout)).toEqual(["on\n", "on\n", "on\n"]);
		expect(server.clients.size).toBe(1);
	});

	test("is told how a command ended whose last act was to end the program", async () => {
		const { guest } = await resumed();
		const argv = ["/bin/sh", "-c", "p=$PPID; (sleep 0.2; kill -9 $p) & exit 7"];
		expect((await guest.exec({ argv, place: "access" })).status).toBe(7);
	});

	test("leaves nothing of a line that is longer than an argument", async () => {
		const { guest, server } = await resumed();
		const words = Array.from({ length: 5 }, () => "x".repeat(30_000));
		const argv = ["/bin/sh", "-c", "echo $#; ls /run | grep -c command-of; true", "sh", ...words];
		expect((await guest.capture({ argv, place: "access" })).stdout).toBe("5\n0\n");
		expect(server.commands).toEqual([]);
	});

	test("where none answers is told the time over SSH", async () => {
		const server = await sshServer((_command, channel) => {
			channel.exit(0);
			channel.close();
			return true;
		});
		const never = new Promise<void>(() => undefined);
		const agent = { host: "127.0.0.1", port: 1, key: "00".repeat(32) };
		const options = { target: server.target, gone: never, bootTimeout: 20_000, resumed: { timeout: 20_000, agent } };
		const guest = await SshGuest.connect(options);
		onTestFinished(() => guest.close());
		await guest.exec(echo);
		expect(server.commands).toEqual([expect.stringMatching(/^date -u -s @/)]);
	});
});
