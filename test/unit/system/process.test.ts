import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { run, runGroup } from "../../../src/system/process.ts";
import { bundle, start, tempDir } from "./child.ts";

/** Prints the pid of the program it runs, which would run for an hour. */
const CHILD = `import { run, runGroup } from "./src/system/process.ts";
await run("sh", ["-c", "echo pid $$ .; exec sleep 3600"], { leashed: process.argv[2] === "leashed", onLine: (line) => console.log(line) });
`;

async function isGone(pid: number): Promise<boolean> {
	const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
	return stat === undefined || / [ZX] /.test(stat);
}

test("a leashed program does not outlive us, whatever ends us", async () => {
	const script = await bundle(await tempDir(), CHILD);
	const child = start(script, ["leashed"]);
	await child.says(" .\n");
	const pid = Number(child.output().split(" ")[1]);
	expect(await isGone(pid)).toBe(false);
	child.process.kill("SIGKILL");
	while (!(await isGone(pid))) await sleep(20);
});

test("a leashed program gets its arguments, streams and signal as any other", async () => {
	const script = `printf '%s|' "$@"; cat; echo said >&2; exit 3`;
	const result = await run("sh", ["-c", script, "sh", "a b", "", "$HOME"], { leashed: true, input: "given" });
	expect(result).toEqual({ status: 3, stdout: "a b||$HOME|given", stderr: "said" });
	const stop = new AbortController();
	const stopped = run("sleep", ["3600"], { leashed: true, signal: stop.signal });
	stop.abort();
	await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED" });
});

test("a leashed program that is not installed is named", async () => {
	const missing = join(await tempDir(), "no-such-program");
	await expect(run(missing, [], { leashed: true })).rejects.toMatchObject({
		code: "HOST_TOOL_MISSING",
		message: `the program ${missing} is not installed`,
	});
});

describe("a program in a group of its own", () => {
	const group = async (script: string, signal = new AbortController().signal, onText?: (text: string) => void) => {
		const output: string[] = [];
		const env = { PATH: process.env.PATH ?? "", GIVEN: "yes" };
		const onOutput = (stream: string, data: Uint8Array): void => {
			output.push(`${stream} ${Buffer.from(data).toString()}`);
			onText?.(Buffer.from(data).toString());
		};
		const status = await runGroup("sh", ["-c", script], { cwd: "/usr", env, signal, onOutput });
		return { status, output };
	};

	test("has its output handed on, the environment that it is given, and no other", async () => {
		process.env.NOT_GIVEN = "no";
		onTestFinished(() => void delete process.env.NOT_GIVEN);
		const { status, output } = await group('pwd; echo "$GIVEN $NOT_GIVEN." >&2; exit 3');
		expect(status).toBe(3);
		expect(output.sort()).toEqual(["stderr yes .\n", "stdout /usr\n"]);
	});

	test("is ended with all that it started", async () => {
		const stop = new AbortController();
		let pid = 0;
		const ended = group("sleep 3600 & echo $!; wait", stop.signal, (text) => {
			pid = Number(text);
			stop.abort();
		});
		await expect(ended).rejects.toMatchObject({ code: "INTERRUPTED" });
		while (!(await isGone(pid))) await sleep(20);
	});
});
