import { describe, expect, onTestFinished, test } from "vitest";
import type { SshGuestOptions } from "../../../src/guest/connect.ts";
import { SshGuest } from "../../../src/guest/guest.ts";
import { type SshServer, sshServer } from "./ssh-server.ts";

const BOOT_ID = "cat /proc/sys/kernel/random/boot_id";

/** A machine whose boot id the test sets. */
function machine() {
	const state = { boot: "boot-1" };
	const server = sshServer((command, channel) => {
		if (command !== BOOT_ID) return false;
		channel.write(`${state.boot}\n`);
		channel.exit(0);
		channel.close();
		return true;
	});
	return { state, server };
}

async function connect(server: SshServer, more: Partial<SshGuestOptions> = {}): Promise<SshGuest> {
	const never = new Promise<void>(() => undefined);
	const guest = await SshGuest.connect({ target: server.target, gone: never, bootTimeout: 20_000, ...more });
	onTestFinished(() => guest.close());
	return guest;
}

async function until(condition: () => boolean): Promise<void> {
	while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("commands have their own environment, and HOME of their user", async () => {
	const guest = await connect(await sshServer());
	const env = [["PATH", process.env.PATH ?? ""]] as const;
	const told = async (options: Parameters<SshGuest["capture"]>[0]) => (await guest.capture(options)).stdout;
	expect(await told({ argv: ["env"], env })).toBe(`PATH=${process.env.PATH}\nHOME=/root\n`);
	expect(await told({ argv: ["env"], env: [...env, ["HOME", "/srv"]] })).toBe(`PATH=${process.env.PATH}\nHOME=/srv\n`);
	expect(await told({ argv: ["pwd"], cwd: "/usr" })).toBe("/usr\n");
});

test("a script is told on standard input, and fails with what it said", async () => {
	const server = await sshServer();
	const guest = await connect(server);
	expect(await guest.script("secret=1\necho $((secret + 1))")).toBe("2\n");
	expect(server.commands.join("")).not.toContain("secret");
	await expect(guest.script("echo why >&2; exit 3")).rejects.toMatchObject({
		code: "MACHINE_LOST",
		message: expect.stringContaining("status 3"),
		details: ["why"],
	});
});

test("a command over its time is ended, and said by name", async () => {
	const guest = await connect(await sshServer());
	await expect(guest.exec({ argv: ["sleep", "60"], timeout: 30 })).rejects.toMatchObject({
		code: "MACHINE_LOST",
		message: "the machine did not finish sleep within 30 ms",
	});
	await expect(guest.exec({ argv: ["sleep", "60"], signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
		code: "INTERRUPTED",
	});
	expect((await guest.capture({ argv: ["echo", "on"] })).stdout).toBe("on\n");
});

test("a command line that is too long for an argument goes ahead as a file, which goes when it is read", async () => {
	const parked: string[] = [];
	const server = await sshServer((command, channel) => {
		const known = /^umask 077; cat > (\/run\/command-\d)$/.test(command) || /^\. \/run\/command-\d$/.test(command);
		if (!known) return false;
		let text = "";
		channel.on("data", (data: Buffer) => {
			text += data.toString();
		});
		channel.on("end", () => {
			if (text !== "") parked.push(text);
			channel.exit(command.startsWith(".") ? 7 : 0);
			channel.close();
		});
		return true;
	});
	const guest = await connect(server);
	const long = "it's ".repeat(60_000);
	expect((await guest.exec({ argv: ["/bin/sh", "-c", ": $1", "sh", long] })).status).toBe(7);
	expect((await guest.exec({ argv: ["/bin/sh", "-c", ": $1", "sh", long] })).status).toBe(7);
	expect(Math.max(...server.commands.map((command) => command.length))).toBeLessThan(100);
	expect(parked.map((text) => text.split("\n")[0])).toEqual(["rm -f /run/command-1", "rm -f /run/command-2"]);
	for (const text of parked) expect(text).toContain(`'${long.replaceAll("'", "'\\''")}'`);
});

describe("a prelude", () => {
	test("goes ahead of every command until one has ended, not on its standard input", async () => {
		const server = await sshServer();
		const guest = await connect(server);
		let count = 0;
		guest.prepend(() => `echo before ${++count}\n`);
		const first = guest.capture({ argv: ["cat"], stdin: "first\n" });
		const beside = guest.capture({ argv: ["sh", "-c", "sleep 0.2; echo beside"] });
		expect((await first).stdout).toBe("before 1\nfirst\n");
		expect((await beside).stdout).toBe("before 2\nbeside\n");
		expect((await guest.capture({ argv: ["echo", "after"] })).stdout).toBe("after\n");
	});

	test("that fails is the command's failure", async () => {
		const guest = await connect(await sshServer());
		guest.prepend(() => "echo broken >&2; exit 125\n");
		expect(await guest.capture({ argv: ["echo", "done"] })).toMatchObject({
			status: 125,
			stdout: "",
			stderr: "broken\n",
		});
	});
});

describe("a connection that ends under a command", () => {
	async function broken(change: (state: { boot: string }) => void, more: Partial<SshGuestOptions> = {}) {
		const { state, server } = machine();
		const running = await server;
		const guest = await connect(running, more);
		guest.bootId = "boot-1";
		const result = guest.exec({ argv: ["sleep", "60"] });
		await until(() => running.commands.length > 0);
		change(state);
		running.dropAll();
		return { result, guest };
	}

	test("is a reboot when the machine has booted anew", async () => {
		const { result, guest } = await broken((state) => {
			state.boot = "boot-2";
		});
		expect(await result).toEqual({ status: 0, rebooted: true });
		expect(guest.bootId).toBe("boot-2");
		expect((await guest.capture({ argv: ["echo", "on"] })).stdout).toBe("on\n");
	});

	test("is an error when the machine is still the same", async () => {
		const { result } = await broken(() => undefined);
		await expect(result).rejects.toMatchObject({
			code: "MACHINE_LOST",
			message: expect.stringContaining('the connection to the machine broke while "sleep 60" ran'),
			hint: expect.stringContaining("a command that ends every process (kill -1)"),
		});
	});

	test("is an error when the kernel crashed", async () => {
		const crashed = async (): Promise<boolean> => true;
		const { result } = await broken(
			(state) => {
				state.boot = "boot-2";
			},
			{ crashed },
		);
		await expect(result).rejects.toMatchObject({ message: expect.stringContaining("crashed") });
	});

	test("is the end when QEMU is gone", async () => {
		let end = (): void => undefined;
		const gone = new Promise<void>((resolve) => {
			end = resolve;
		});
		const { result } = await broken(() => end(), { gone });
		await expect(result).rejects.toMatchObject({ code: "MACHINE_LOST", message: expect.stringContaining("QEMU") });
	});
});

describe("connecting", () => {
	test("is tried until the machine answers", async () => {
		const server = await sshServer();
		const { port } = server.target;
		await server.close();
		await expect(connect(server, { bootTimeout: 300 })).rejects.toMatchObject({
			code: "MACHINE_NOT_READY",
			message: expect.stringContaining("ECONNREFUSED"),
			cause: expect.anything(),
		});
		expect(port).toBeGreaterThan(0);
	});

	test("of a resumed machine is given up sooner than that of one that boots", async () => {
		const server = await sshServer();
		await server.close();
		await expect(connect(server, { bootTimeout: 600_000, resumed: { timeout: 300 } })).rejects.toMatchObject({
			code: "MACHINE_NOT_READY",
		});
	});

	test("of a machine at work goes on, but not for ever", async () => {
		const server = await sshServer();
		await server.close();
		let asked = 0;
		const atWork = async (): Promise<boolean> => {
			asked++;
			return true;
		};
		const asleep = async (): Promise<boolean> => asked < 3;
		const code = "MACHINE_NOT_READY";
		await expect(connect(server, { bootTimeout: 300, atWork })).rejects.toMatchObject({ code });
		expect(asked).toBeGreaterThan(0);
		asked = 3;
		await expect(connect(server, { bootTimeout: 300, atWork: asleep })).rejects.toMatchObject({ code });
	});

	test("after a reboot is waited for as for a boot, in a resumed machine too", async () => {
		const server = await sshServer();
		const guest = await connect(server, { resumed: { timeout: 60_000 }, bootTimeout: 300 });
		await server.close();
		await expect(guest.reconnect()).rejects.toMatchObject({ message: expect.stringContaining("within 0 s") });
	});

	test("stops when it is interrupted, and when QEMU is gone", async () => {
		const server = await sshServer();
		await expect(connect(server, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "INTERRUPTED" });
		await server.close();
		await expect(connect(server, { gone: Promise.resolve() })).rejects.toMatchObject({ code: "MACHINE_LOST" });
	});
});

test("a guest that is closed says that it is disconnected", async () => {
	const guest = await connect(await sshServer());
	const { disconnected } = guest;
	await guest.close();
	await disconnected;
});
