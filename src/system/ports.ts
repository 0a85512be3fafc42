/** Ports of this host on 127.0.0.1. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { messageOf, NodebuildError } from "../errors.ts";
import { isErrno } from "./files.ts";

export interface HostPort {
	/** 0: any that is free. */
	readonly host: number;
	readonly guest: number;
	readonly protocol: "tcp" | "udp";
}

/**
 * Whether something can listen on each of them, now.
 * @throws NodebuildError USAGE naming the port that is taken, may not be used, or is given twice.
 */
export async function requireFreePorts(ports: readonly HostPort[]): Promise<void> {
	const seen = new Set<string>();
	for (const port of ports) {
		if (port.host === 0) continue;
		const name = `${port.host}/${port.protocol}`;
		if (seen.has(name)) throw givenTwice(port);
		seen.add(name);
		try {
			await (port.protocol === "udp" ? bindUdp(port.host) : bindTcp(port.host));
		} catch (error) {
			throw portUnusable(port, error);
		}
	}
}

function bindTcp(port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", reject);
		server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve()));
	});
}

function bindUdp(port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		const socket = createSocket("udp4");
		socket.once("error", (error) => {
			socket.close();
			reject(error);
		});
		socket.bind({ address: "127.0.0.1", port, exclusive: true }, () => socket.close(() => resolve()));
	});
}

/** What to say of a port that nothing can listen on; `cause` is the system's error, or whoever else tried. */
export function portUnusable({ host, guest, protocol }: HostPort, cause: unknown): NodebuildError {
	const suffix = protocol === "udp" ? "/udp" : "";
	const denied = isErrno(cause, "EACCES", "EPERM");
	const taken = !(cause instanceof Error) || isErrno(cause, "EADDRINUSE") || cause instanceof NodebuildError;
	const why = denied ? "may not be used by this user" : taken ? "is in use" : `cannot be used: ${messageOf(cause)}`;
	const another = denied ? "a port from 1024 on" : "another port of the host";
	const example = denied ? host + 8000 : host < 65535 ? host + 1 : host - 1;
	return new NodebuildError({
		code: "USAGE",
		message: `the host's port ${host} (${protocol.toUpperCase()}) ${why}; it was to be forwarded to port ${guest} of the machine`,
		hint: `give ${another} (-p ${example}:${guest}${suffix}), or only the machine's for a free one (-p ${guest}${suffix})`,
		cause,
	});
}

function givenTwice({ host, guest, protocol }: HostPort): NodebuildError {
	return new NodebuildError({
		code: "USAGE",
		message: `the host's port ${host} (${protocol.toUpperCase()}) is given twice`,
		hint: `forward another one to port ${guest} of the machine`,
	});
}
