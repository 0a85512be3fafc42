/** The program that waits in frozen guests, on this host: with its Python, in this process's namespaces. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { AgentConnection, type AgentTarget } from "../../../src/guest/agent/agent.ts";
import { generateAgentKey, startAgent } from "../../../src/guest/agent/start.ts";

/** The key changes with each connection. */
export type Program = AgentTarget & { key: string };

export async function connectTo(program: Program): Promise<AgentConnection> {
	const connection = await AgentConnection.connect(program, { timeout: 10_000, wake: false });
	program.key = connection.key;
	return connection;
}

/**
 * @param manager socket of systemd; default: this host's, where it has one.
 * @param edit what a test has to change in the program's text, so that it does nothing to this host.
 */
export function agentProgram(manager?: string, edit = (text: string) => text): Program {
	const folder = mkdtempSync(join(tmpdir(), "nodebuild-agent-"));
	const key = generateAgentKey();
	const asked = manager === undefined ? {} : { manager };
	const text = startAgent({ key, address: "127.0.0.1", port: 0, folder, init: "self", ...asked });
	const input = edit(text);
	const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
	const said = execFileSync("/bin/sh", ["-s"], { input, env, encoding: "utf8" });
	const target = { host: "127.0.0.1", port: Number(said), key };
	onTestFinished(async () => {
		await endProgram(target);
		rmSync(folder, { recursive: true });
	});
	return target;
}

/** As a step might; whatever it runs goes on. */
export async function endProgram(program: Program): Promise<void> {
	const connection = await connectTo(program).catch(() => undefined);
	if (connection === undefined) return;
	await connection.exec("kill -9 $PPID");
	await connection.closed;
}
