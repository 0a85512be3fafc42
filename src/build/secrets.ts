/** What `--secret` and `--ssh` hand to steps that ask for it. */
import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { messageOf, NodebuildError } from "../errors.ts";
import type { PlannedMount, Step } from "../plan/types.ts";
import type { BuildOptions } from "./types.ts";

type Given = Pick<BuildOptions, "secrets" | "agents">;

/** Bytes; docker's limit (moby/buildkit session/secrets/secretsprovider). */
const LARGEST_SECRET = 500 * 1024;

/** Before anything boots: whether all that the steps cannot do without is given. @throws NodebuildError USAGE at the step. */
export function requireSecrets(steps: readonly Step[], given: Given): void {
	for (const { at, effects } of steps)
		for (const effect of effects)
			for (const mount of effect.kind === "exec" ? effect.mounts : [])
				if (mount.required === true && !has(mount, given)) throw missing(mount).located(at);
}

function has({ type, id = "" }: PlannedMount, { secrets, agents }: Given): boolean {
	if (type === "secret") return secrets?.has(id) === true;
	return type !== "ssh" || agents?.has(id) === true;
}

export function missing({ type, id }: PlannedMount): NodebuildError {
	const secret = type === "secret";
	return new NodebuildError({
		code: "USAGE",
		message: secret
			? `the secret "${id}" is required, and was not given`
			: `the SSH agent "${id}" is required, and was not given`,
		hint: secret
			? `--secret id=${id},src=FILE, or --secret id=${id},env=NAME`
			: `--ssh ${id}, or --ssh ${id}=SOCKET|KEY`,
		part: `id=${id}`,
	});
}

/** A secret's bytes; undefined when it was not given. @throws NodebuildError USAGE */
export async function readSecret(id: string, { secrets }: Given): Promise<Uint8Array | undefined> {
	const source = secrets?.get(id);
	if (source === undefined) return undefined;
	const content = "value" in source ? Buffer.from(source.value) : await readSmall(source.file, `the secret "${id}"`);
	if (content.length <= LARGEST_SECRET) return content;
	throw new NodebuildError({
		code: "USAGE",
		message: `expected the secret "${id}" to have at most ${LARGEST_SECRET} bytes, got ${content.length}`,
	});
}

async function readSmall(file: string, what: string): Promise<Uint8Array> {
	try {
		return await readFile(file);
	} catch (cause) {
		throw new NodebuildError({ code: "USAGE", message: `${what} cannot be read: ${messageOf(cause)}`, cause });
	}
}

/** Talks to one client of the agent. */
export type Serve = (client: Duplex) => void;

/** Undefined when no such agent was given. @throws NodebuildError USAGE for files that are neither sockets nor keys. */
export async function agentFor(id: string, { agents }: Given): Promise<Serve | undefined> {
	const paths = agents?.get(id);
	if (paths === undefined) return undefined;
	const sockets: string[] = [];
	for (const path of paths) if ((await stat(path).catch(() => undefined))?.isSocket() === true) sockets.push(path);
	const [socket] = sockets;
	if (socket !== undefined && paths.length === 1) return (client) => forward(client, socket);
	if (socket !== undefined)
		throw new NodebuildError({
			code: "USAGE",
			message: `expected --ssh ${id} to name one socket or key files, got a socket among ${paths.length} paths`,
		});
	const files: { path: string; content: Uint8Array }[] = [];
	for (const path of paths) files.push({ path, content: await readSmall(path, `the SSH key ${path}`) });
	const { createKeyAgent } = await import("../guest/key-agent.ts");
	const agent = createKeyAgent(files);
	return (client) => agent.serve(client);
}

function forward(client: Duplex, path: string): void {
	const socket = connect(path);
	socket.on("error", () => client.destroy());
	client.on("error", () => socket.destroy());
	client.on("close", () => socket.destroy());
	client.pipe(socket).pipe(client);
}
