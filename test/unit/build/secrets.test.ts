import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { chainOf } from "../../../src/build/chain.ts";
import { taints, takesLive } from "../../../src/build/live-mode.ts";
import { agentFor, readSecret, requireSecrets } from "../../../src/build/secrets.ts";
import { planText } from "../plan/support.ts";
import { tempDir } from "../system/child.ts";

async function stepsOf(...lines: readonly string[]) {
	const { plan } = await planText(["FROM debian:12", ...lines].join("\n"));
	return chainOf(plan, plan.target).layered;
}

test("a machine that had a secret or an agent is not frozen with its memory; other mounts do no harm", async () => {
	const lines = [
		"RUN --mount=type=secret,id=a true",
		"RUN --mount=type=ssh true",
		"RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t true",
		"COPY a /b",
	];
	expect((await stepsOf(...lines)).map(taints)).toEqual([true, true, false, false]);
	expect(takesLive({ live: "never" })).toBe(false);
});

test("what steps cannot do without is asked for before anything boots, at the step", async () => {
	const steps = await stepsOf(
		"RUN --mount=type=secret,id=maybe true",
		"RUN --mount=type=ssh,required=true true",
		"RUN --mount=type=secret,id=token,required=true true",
	);
	const agents = new Map([["default", ["/agent"]]]);
	const secrets = new Map([["token", { value: "x" }]]);
	requireSecrets(steps, { agents, secrets });
	const failing = (given: Parameters<typeof requireSecrets>[1]) => expect(() => requireSecrets(steps, given));
	failing({ secrets }).toThrow(
		expect.objectContaining({
			code: "USAGE",
			message: 'the SSH agent "default" is required, and was not given',
			at: expect.objectContaining({ line: 3 }),
		}),
	);
	failing({ agents }).toThrow(
		expect.objectContaining({
			message: 'the secret "token" is required, and was not given',
			hint: expect.stringContaining("--secret id=token,src=FILE"),
			at: expect.objectContaining({ line: 4 }),
		}),
	);
});

test("a secret is a file's bytes or a value; one that is too large, or gone, is refused", async () => {
	const file = join(await tempDir(), "secret");
	await writeFile(file, Buffer.from([0, 255, 10]));
	const secrets = new Map([
		["file", { file }],
		["value", { value: "grün" }],
		["gone", { file: `${file}-not` }],
		["large", { value: "x".repeat(500 * 1024 + 1) }],
	]);
	expect(await readSecret("file", { secrets })).toEqual(Buffer.from([0, 255, 10]));
	expect(await readSecret("value", { secrets })).toEqual(Buffer.from("grün"));
	expect(await readSecret("other", { secrets })).toBeUndefined();
	await expect(readSecret("gone", { secrets })).rejects.toMatchObject({ code: "USAGE" });
	await expect(readSecret("large", { secrets })).rejects.toMatchObject({
		code: "USAGE",
		message: expect.stringContaining("512000 bytes"),
	});
});

test("an agent's socket is talked to as it is; it cannot be mixed with keys", async () => {
	const folder = await tempDir();
	const socket = join(folder, "agent");
	const server = createServer((peer) => peer.on("data", (data) => peer.end(`heard ${data}`)));
	await new Promise<void>((resolve) => server.listen(socket, resolve));
	onTestFinished(() => void server.close());
	const serve = await agentFor("default", { agents: new Map([["default", [socket]]]) });
	const [sent, answered] = [new PassThrough(), new PassThrough()];
	const { Duplex } = await import("node:stream");
	serve?.(Duplex.from({ readable: sent, writable: answered }));
	sent.write("hello");
	expect(String(await new Promise((resolve) => answered.once("data", resolve)))).toBe("heard hello");
	const agents = new Map([["mixed", [join(folder, "key"), socket]]]);
	await expect(agentFor("mixed", { agents })).rejects.toMatchObject({ code: "USAGE" });
	expect(await agentFor("other", { agents })).toBeUndefined();
});
