import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import ssh2, { type ParsedKey } from "ssh2";
import { expect, test } from "vitest";
import { createKeyAgent } from "../../../src/guest/key-agent.ts";
import { generateKeyPair, SshConnection } from "../../../src/guest/ssh.ts";
import { sshServer } from "./ssh-server.ts";

const AGENT = "/dev/agent-1";

/** Somebody in the machine who asks the agent behind a forwarded socket. */
async function connected(serve: (client: Duplex) => void) {
	const server = await sshServer();
	const connection = await SshConnection.connect(server.target, 5000);
	const [peer] = server.clients;
	const asked: string[] = [];
	peer?.on("request", (accept, _reject, name, info) => {
		asked.push(`${name} ${"socketPath" in info ? info.socketPath : ""}`);
		accept?.();
	});
	const end = await connection.forwardSocket(AGENT, serve);
	const stream = await new Promise<Duplex>((resolve, reject) =>
		peer?.openssh_forwardOutStreamLocal(AGENT, (error, channel) =>
			error === undefined ? resolve(channel) : reject(error),
		),
	);
	const client = new ssh2.AgentProtocol(true);
	stream.pipe(client).pipe(stream);
	return { client, stream, asked, end, connection };
}

const identities = (client: ssh2.AgentProtocol): Promise<ParsedKey[]> =>
	new Promise((resolve, reject) =>
		client.getIdentities((error, keys = []) => (error === undefined || error === null ? resolve(keys) : reject(error))),
	);

const sign = (client: ssh2.AgentProtocol, key: ParsedKey, data: Buffer, hash?: "sha256"): Promise<Buffer> =>
	new Promise((resolve, reject) =>
		client.sign(key, data, hash === undefined ? {} : { hash }, (error, signature) =>
			signature === undefined ? reject(error) : resolve(signature),
		),
	);

test("an agent of keys from files lists and signs over a socket of the machine, and goes with it", async () => {
	const ed25519 = generateKeyPair("one");
	const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" });
	const agent = createKeyAgent([
		{ path: "one", content: Buffer.from(ed25519.private) },
		{ path: "two", content: Buffer.from(rsa) },
	]);
	const { client, stream, asked, end, connection } = await connected((peer) => agent.serve(peer));
	const keys = await identities(client);
	expect(keys.map(({ type }) => type)).toEqual(["ssh-ed25519", "ssh-rsa"]);
	const data = Buffer.from("challenge");
	for (const key of keys) {
		const hash = key.type === "ssh-rsa" ? "sha256" : undefined;
		expect(key.verify(data, await sign(client, key, data, hash), hash)).toBe(true);
	}
	const stranger = ssh2.utils.parseKey(generateKeyPair("other").public);
	if (stranger instanceof Error) throw stranger;
	await expect(sign(client, stranger, data)).rejects.toThrow();
	stream.end();
	await once(stream, "close");
	await end();
	expect(asked).toEqual([
		`streamlocal-forward@openssh.com ${AGENT}`,
		`cancel-streamlocal-forward@openssh.com ${AGENT}`,
	]);
	await connection.close();
});

test("a machine that refuses the socket, and one that is gone, are told as such", async () => {
	const server = await sshServer();
	const connection = await SshConnection.connect(server.target, 5000);
	for (const peer of server.clients) peer.on("request", (_accept, reject) => reject?.());
	await expect(connection.forwardSocket(AGENT, () => undefined)).rejects.toMatchObject({ code: "MACHINE_LOST" });
	server.dropAll();
	await connection.closed;
	await expect(connection.forwardSocket(AGENT, () => undefined)).rejects.toMatchObject({ code: "MACHINE_LOST" });
});

test("what is no private key, or protected by a passphrase, is refused with what to do", () => {
	const locked = generateKeyPairSync("rsa", {
		modulusLength: 2048,
		publicKeyEncoding: { type: "spki", format: "pem" },
		privateKeyEncoding: { type: "pkcs1", format: "pem", cipher: "aes-128-cbc", passphrase: "secret" },
	}).privateKey;
	for (const content of [locked, "text", generateKeyPair("p").public])
		expect(() => createKeyAgent([{ path: "/home/me/key", content: Buffer.from(content) }])).toThrow(
			expect.objectContaining({
				code: "USAGE",
				message: expect.stringContaining("/home/me/key"),
				hint: expect.stringContaining("ssh-add"),
			}),
		);
});
