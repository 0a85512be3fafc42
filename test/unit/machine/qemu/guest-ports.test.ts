import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { GuestPorts } from "../../../../src/machine/qemu/guest-ports.ts";
import { SSH_PORTS, WAKE_PORT } from "../../../../src/machine/qemu/names.ts";
import { tempDir } from "../../system/child.ts";

const BANNER = "SSH-2.0-OpenSSH_9.2p1";

/** QEMU's end of the ports, and the guest's words over them. */
interface Guest {
	readonly ports: GuestPorts;
	/** The connection to a port, once it is there. */
	on(name: string): Promise<Socket>;
	/** Resolves with the next line that the host writes to a port. */
	heard(name: string): Promise<string>;
}

async function guest(): Promise<Guest> {
	// Longer than the path of a socket may be.
	const folder = join(await tempDir(), "a-folder-of-a-store-with-a-long-name-".repeat(4));
	await mkdir(folder);
	const connections = new Map<string, Promise<Socket>>();
	const servers: Server[] = [];
	const here = process.cwd();
	process.chdir(folder);
	try {
		for (const name of [WAKE_PORT, ...SSH_PORTS]) {
			const server = createServer();
			connections.set(
				name,
				once(server, "connection").then(([socket]) => socket as Socket),
			);
			server.listen(`${name}.sock`);
			await once(server, "listening");
			servers.push(server);
		}
	} finally {
		process.chdir(here);
	}
	const ports = new GuestPorts(folder);
	onTestFinished(async () => {
		await ports.close();
		for (const server of servers) server.close();
	});
	const on = (name: string): Promise<Socket> => connections.get(name) ?? Promise.reject(new Error(name));
	const heard = async (name: string): Promise<string> => String((await once(await on(name), "data"))[0]).trim();
	return { ports, on, heard };
}

/** A machine that has booted: its shells wait, and the host has asked for an sshd. */
async function booted(): Promise<Guest> {
	const up = await guest();
	await up.ports.refill();
	(await up.on(WAKE_PORT)).write("ready\n");
	const asked = up.heard(SSH_PORTS[0]);
	(await up.on(SSH_PORTS[0])).write("ready\n");
	expect(await asked).toBe("go");
	return up;
}

test("an sshd that is asked to wait is there for the next freeze, until the guest boots anew", async () => {
	const { ports, on } = await booted();
	expect(ports.spare).toBeUndefined();
	(await on(SSH_PORTS[0])).write(`${BANNER}\r\n`);
	await ports.filled();
	expect(ports.spare).toEqual({ port: 0, banner: BANNER });
	ports.reset();
	expect(ports.spare).toBeUndefined();
});

test("one that a step has ended is not counted on, and the next one is asked for", async () => {
	const { ports, on, heard } = await booted();
	(await on(SSH_PORTS[0])).write(`${BANNER}\r\n`);
	await ports.filled();
	const asked = heard(SSH_PORTS[0]);
	(await on(SSH_PORTS[0])).write("ready\n");
	expect(await asked).toBe("go");
	expect(ports.spare).toBeUndefined();
});

test("a resumed machine is connected to the sshd that waited, and has another one wait behind the other port", async () => {
	const { ports, on, heard } = await guest();
	const spare = { port: 0, banner: BANNER };
	await ports.prepare(spare);
	const stream = ports.take(spare);
	if (stream === undefined) throw new Error("expected a stream");
	(await on(SSH_PORTS[0])).write("and more");
	let text = "";
	for await (const piece of stream) {
		text += String(piece);
		if (text.endsWith("more")) break;
	}
	expect(text).toBe(`${BANNER}\r\nand more`);
	const asked = heard(SSH_PORTS[1]);
	await ports.refill();
	(await on(SSH_PORTS[1])).write("ready\n");
	expect(await asked).toBe("go");
	(await on(SSH_PORTS[1])).write(`${BANNER}\r\n`);
	await ports.filled();
	expect(ports.spare).toEqual({ port: 1, banner: BANNER });
});

test("a resumed machine is told the time, and says that it has heard", async () => {
	const { ports, on, heard } = await guest();
	expect(await ports.wake(0, "")).toBe(false);
	await ports.prepare({ port: 1, banner: BANNER });
	const told = heard(WAKE_PORT);
	const woken = ports.wake(1_700_000_000_123, "\\001\\002");
	expect(await told).toBe("1700000000.123 \\001\\002");
	(await on(WAKE_PORT)).write("awake\n");
	expect(await woken).toBe(true);
});

test("nothing is waited for where there is no such guest", async () => {
	const { ports } = await guest();
	await ports.filled();
	expect(ports.spare).toBeUndefined();
	await expect(new GuestPorts("/nonexistent").refill()).rejects.toThrow("ENOENT");
});
