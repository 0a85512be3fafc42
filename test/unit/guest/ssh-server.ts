/** An SSH server on loopback that runs what it is told with this host's sh. */
import { type ChildProcess, spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import ssh2, { type Connection, type ServerChannel } from "ssh2";
import { onTestFinished } from "vitest";
import { generateKeyPair, type SshTarget } from "../../../src/guest/ssh.ts";

export interface SshServer {
	readonly target: SshTarget;
	/** Every command line it was given. */
	readonly commands: string[];
	/** Clients that are connected now. */
	readonly clients: Set<Connection>;
	/** Break all connections, as a machine that dies does; new ones are taken. */
	dropAll(): void;
	close(): Promise<void>;
}

type Handler = (command: string, channel: ServerChannel, server: SshServer) => boolean;

/** @param handler true: it has answered a command itself. */
export async function sshServer(handler: Handler = () => false): Promise<SshServer> {
	const host = generateKeyPair("host");
	const client = generateKeyPair("client");
	const authorized = ssh2.utils.parseKey(client.public);
	if (authorized instanceof Error) throw authorized;
	const clients = new Set<Connection>();
	const commands: string[] = [];
	const children = new Set<ChildProcess>();
	const listener = new ssh2.Server({ hostKeys: [host.private] }, (connection) => {
		clients.add(connection);
		connection.on("error", () => undefined);
		connection.on("close", () => clients.delete(connection));
		connection.on("authentication", (attempt) => {
			const known = attempt.method === "publickey" && attempt.key.data.equals(authorized.getPublicSSH());
			if (
				known &&
				(attempt.signature === undefined || authorized.verify(attempt.blob ?? Buffer.alloc(0), attempt.signature))
			)
				attempt.accept();
			else attempt.reject(["publickey"]);
		});
		connection.on("session", (accept) => {
			const session = accept();
			session.on("pty", (acceptPty) => acceptPty());
			session.on("exec", (acceptExec, _reject, { command }) => {
				const channel = acceptExec();
				commands.push(command);
				if (!handler(command, channel, server)) children.add(runIn(channel, command));
			});
		});
	});
	await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
	const { port } = listener.address() as AddressInfo;
	const dropAll = (): void => {
		// The socket itself: an orderly end would say goodbye.
		for (const connection of clients) (connection as unknown as { _sock: { destroy(): void } })._sock.destroy();
	};
	const server: SshServer = {
		target: { host: "127.0.0.1", port, key: client.private, hostKey: host.public },
		commands,
		clients,
		dropAll,
		close: async () => {
			const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
			dropAll();
			await closed;
		},
	};
	onTestFinished(async () => {
		for (const child of children) child.kill("SIGKILL");
		await server.close().catch(() => undefined);
	});
	return server;
}

/** As sshd does: the exit status at once, the end of the channel when nobody holds its pipes any more. */
function runIn(channel: ServerChannel, command: string): ChildProcess {
	// This host's process 1 is nobody's guest.
	const here = command.replace("exec nsenter -t 1 -m -n ", "cd /; exec ");
	const child = spawn("sh", ["-c", here], { stdio: "pipe" });
	channel.on("error", () => undefined);
	child.stdin.on("error", () => undefined);
	channel.pipe(child.stdin);
	child.stdout.pipe(channel, { end: false });
	child.stderr.pipe(channel.stderr, { end: false });
	child.on("exit", (code, signal) => {
		if (signal === null) channel.exit(code ?? 0);
		else channel.exit(signal.replace(/^SIG/, ""), false, "");
	});
	child.on("close", () => channel.close());
	channel.on("close", () => child.stdout.destroy());
	return child;
}
