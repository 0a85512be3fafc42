import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type HostPort, portUnusable, requireFreePorts } from "../../../src/system/ports.ts";

/** A port of this host that something listens on while the test runs. */
async function taken(protocol: HostPort["protocol"], host: string): Promise<number> {
	if (protocol === "tcp") {
		const server = createServer().listen(0, host);
		onTestFinished(() => void server.close());
		await once(server, "listening");
		const address = server.address();
		return typeof address === "object" && address !== null ? address.port : 0;
	}
	const socket = createSocket("udp4").bind(0, host);
	onTestFinished(() => void socket.close());
	await once(socket, "listening");
	return socket.address().port;
}

test.each([
	["tcp", "127.0.0.1"],
	["tcp", "0.0.0.0"],
	["udp", "127.0.0.1"],
	["udp", "0.0.0.0"],
] as const)("a port that is taken is named, with what to give instead: %s on %s", async (protocol, address) => {
	const host = await taken(protocol, address);
	const suffix = protocol === "udp" ? "/udp" : "";
	await expect(requireFreePorts([{ host, guest: 80, protocol }])).rejects.toMatchObject({
		code: "USAGE",
		message: expect.stringContaining(`the host's port ${host} (${protocol.toUpperCase()}) is in use`),
		hint: expect.stringContaining(`a free one (-p 80${suffix})`),
	});
});

test("a free port is free afterwards too, one of the other protocol is another, and 0 is any", async () => {
	const host = await taken("tcp", "127.0.0.1");
	const free = [
		{ host, guest: 53, protocol: "udp" },
		{ host: 0, guest: 80, protocol: "tcp" },
		{ host: 0, guest: 81, protocol: "tcp" },
	] as const;
	await requireFreePorts(free);
	await requireFreePorts(free);
});

test("one port for two of the machine's is refused", async () => {
	const twice = [80, 81].map((guest) => ({ host: 0, guest, protocol: "tcp" as const }));
	const host = await taken("udp", "127.0.0.1");
	await expect(requireFreePorts(twice.map((port) => ({ ...port, host })))).rejects.toMatchObject({
		code: "USAGE",
		message: `the host's port ${host} (TCP) is given twice`,
	});
});

test("a port for root alone says so", () => {
	const denied = Object.assign(new Error("permission denied"), { code: "EACCES" });
	expect(portUnusable({ host: 80, guest: 8080, protocol: "tcp" }, denied)).toMatchObject({
		message: expect.stringContaining("may not be used by this user"),
		hint: expect.stringContaining("-p 8080:8080"),
	});
});
