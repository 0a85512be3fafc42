/** What verifying asks a machine: its health and its ports; and how work is told. */
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkHealth } from "../../../src/build/health.ts";
import { answerOf, listenScript } from "../../../src/build/ports.ts";
import { task } from "../../../src/build/task.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { EMPTY_CONFIG } from "../../../src/plan/types.ts";
import { localGuest, runHere, syntaxErrors } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

const MS = 1_000_000;
const { signal } = new AbortController();
const shell = (script: string) => ({ kind: "command", command: { form: "shell", script } }) as const;

describe("health", () => {
	test("is what the check's exit status says, run as the image is", async () => {
		const guest = localGuest();
		const config = { ...EMPTY_CONFIG, env: [["A", "1"]], workdir: "/srv", user: "web" } as const;
		expect(await checkHealth(guest, config, shell("echo fine $A"), signal)).toEqual({ passed: true, detail: "fine 1" });
		expect(guest.asked).toEqual([
			expect.objectContaining({
				argv: ["/bin/sh", "-c", "echo fine $A"],
				cwd: "/srv",
				user: "web",
				timeout: 30_000,
				signal,
			}),
		]);
	});

	test("takes SHELL for a shell form, and none for an exec form", async () => {
		const guest = localGuest();
		const config = { ...EMPTY_CONFIG, shell: ["/bin/sh", "-ec"] };
		await checkHealth(guest, config, shell("true"), signal);
		await checkHealth(guest, config, { kind: "command", command: { form: "exec", argv: ["true", "x"] } }, signal);
		expect(guest.asked.map(({ argv }) => argv)).toEqual([
			["/bin/sh", "-ec", "true"],
			["true", "x"],
		]);
	});

	test("is asked again while there is patience", async () => {
		let left = 2;
		const guest = localGuest(() => ({ status: left-- > 0 ? 1 : 0, stdout: "up" }));
		const check = { ...shell("x"), interval: 10 * MS, retries: 100 };
		expect(await checkHealth(guest, EMPTY_CONFIG, check, signal)).toEqual({ passed: true, detail: "up" });
		expect(guest.asked).toHaveLength(3);
	});

	test("that never comes is told with the last answer", async () => {
		const guest = localGuest(() => ({ status: 7, stdout: "down", stderr: "" }));
		const check = { ...shell("x"), interval: 5 * MS, retries: 2 };
		expect(await checkHealth(guest, EMPTY_CONFIG, check, signal)).toEqual({
			passed: false,
			detail: "exit status 7: down",
		});
		expect(guest.asked.length).toBeGreaterThanOrEqual(2);
	});

	test("has no answer from a check that hangs, and is no more asked once interrupted", async () => {
		const hangs = localGuest(() => {
			throw new Error("timed out");
		});
		const check = { ...shell("x"), interval: MS, retries: 1, timeout: 1.5 * MS };
		const answer = await checkHealth(hangs, EMPTY_CONFIG, check, signal);
		expect(answer).toEqual({ passed: false, detail: "exit status -1: no answer within 2 ms" });
		expect(hangs.asked[0]?.timeout).toBe(2);
		await expect(checkHealth(hangs, EMPTY_CONFIG, check, AbortSignal.abort())).rejects.toThrow("timed out");
	});
});

async function listen<T extends Server>(server: T): Promise<number> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => {
		server.close();
		if ("closeAllConnections" in server && typeof server.closeAllConnections === "function")
			server.closeAllConnections();
	});
	return (server.address() as AddressInfo).port;
}

describe("a port", () => {
	const listening = localGuest(() => ({ status: 0 }));
	const http = async (handler: RequestListener) => answerOf(listening, "80/tcp", await listen(createServer(handler)));

	test("answers with its status and the beginning of its page", async () => {
		const page = Array.from({ length: 9 }, (_, line) => `line ${line}`).join("\n");
		expect(await http((_request, response) => response.end(page))).toEqual({
			passed: true,
			detail: "HTTP 200: line 0\nline 1\nline 2\nline 3\nline 4",
		});
		expect(await http((_request, response) => response.writeHead(204).end())).toEqual({
			passed: true,
			detail: "HTTP 204",
		});
	});

	test("whose answer never ends is told as far as it came", async () => {
		const answer = await http((_request, response) => {
			response.write("x".repeat(10_000));
		});
		expect(answer.detail).toBe(`HTTP 200: ${"x".repeat(4096)}`);
		const broken = await http((_request, response) => {
			response.write("begun");
			setTimeout(() => response.destroy(), 20);
		});
		expect(broken).toEqual({ passed: true, detail: "HTTP 200: begun" });
	});

	test("that speaks something else is there all the same", async () => {
		const other = createTcpServer((socket) => socket.end("220 mail ready\r\n"));
		const silent = createTcpServer((socket) => socket.destroy());
		for (const server of [other, silent]) {
			const answer = await answerOf(listening, "25/tcp", await listen(server));
			expect(answer).toEqual({ passed: true, detail: "something listens there" });
		}
	});

	test("on which nothing listens does not pass", async () => {
		const guest = localGuest(() => ({ status: 1 }));
		expect(await answerOf(guest, "80/tcp", 1)).toMatchObject({ passed: false });
	});

	const row = (address: string, state = "0A"): string =>
		`   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000\n`;
	const six = (address: string): string => `   0: ${address} ${"0".repeat(32)}:0000 0A 00000000:00000000\n`;
	test.each([
		["any address", row("00000000:1F90"), "", 0],
		["an address of its own", row("0F02000A:1F90"), "", 0],
		["any address of IPv6", "", six(`${"0".repeat(32)}:1F90`), 0],
		["loopback only", row("0100007F:1F90"), "", 1],
		["loopback of IPv6 only", "", six(`${"0".repeat(24)}01000000:1F90`), 1],
		["loopback and another", row("0100007F:1F90") + row("0F02000A:1F90"), "", 0],
		["another port", row("00000000:1F91"), "", 1],
		["a connection, not a listener", row("00000000:1F90", "01"), "", 1],
	])("is found in the kernel's table on %s", async (_what, tcp, tcp6, status) => {
		const root = await tempDir();
		await mkdir(join(root, "net"));
		await writeFile(join(root, "net/tcp"), `  sl  local_address rem_address   st\n${tcp}`);
		await writeFile(join(root, "net/tcp6"), `  sl  local_address rem_address   st\n${tcp6}`);
		const script = listenScript(8080).replaceAll("/proc/net", join(root, "net")).replace("seq 60", "seq 1");
		expect(await syntaxErrors(script)).toBe("");
		expect(await runHere(["sh", "-c", script])).toEqual({ status, stdout: "", stderr: "" });
	});
});

describe("a task", () => {
	test("is told from its start to its end", async () => {
		const events: BuildEvent[] = [];
		const result = await task(
			(event) => events.push(event),
			"boot",
			async (handle) => {
				handle.log("waiting");
				handle.progress(1, 2, "half");
				handle.progress(2);
				handle.note = "KVM";
				return 42;
			},
		);
		expect(result).toBe(42);
		const id = events[0]?.type === "task-start" ? events[0].id : "";
		expect(events).toEqual([
			{ type: "task-start", id, title: "boot" },
			{ type: "task-log", id, line: "waiting" },
			{ type: "task-progress", id, current: 1, total: 2, note: "half" },
			{ type: "task-progress", id, current: 2 },
			{ type: "task-done", id, milliseconds: expect.any(Number), note: "KVM" },
		]);
	});

	test("that fails says why and passes the error on; no two have one id", async () => {
		const events: BuildEvent[] = [];
		const error = new Error("no");
		for (const title of ["a", "b"]) {
			const failed = task(
				(event) => events.push(event),
				title,
				() => Promise.reject(error),
			);
			await expect(failed).rejects.toBe(error);
		}
		expect(events.filter(({ type }) => type === "task-failed")).toHaveLength(2);
		expect(new Set(events.map((event) => ("id" in event ? event.id : ""))).size).toBe(2);
	});
});
