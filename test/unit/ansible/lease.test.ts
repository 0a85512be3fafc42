import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { withKey } from "../../../src/ansible/lease.ts";
import { NodebuildError } from "../../../src/errors.ts";
import type { ExecOptions, ExecResult, Guest } from "../../../src/guest/types.ts";
import { localGuest, runHere, syntaxErrors } from "../guest/local-guest.ts";

const NEVER = new AbortController().signal;

/** What the script says, until its input ends; `answers` are how it ends, one after the other. */
function machine(...answers: readonly (() => Promise<ExecResult>)[]) {
	const scripts: string[] = [];
	const exec = async (options: ExecOptions): Promise<ExecResult> => {
		const input = options.stdin as Readable;
		let text = "";
		input.on("data", (data: Buffer) => {
			text += data.toString();
		});
		const ended = new Promise<void>((resolve) => input.on("end", resolve));
		await new Promise((resolve) => setImmediate(resolve));
		scripts.push(text);
		const answer = answers[scripts.length - 1];
		if (answer !== undefined) return answer();
		options.onStdout?.(Buffer.from("ready\n"));
		await ended;
		return { status: 0, rebooted: false };
	};
	const guest: Guest = { ...localGuest(), exec };
	return { guest, scripts };
}

test("the key is let in while the work is done, beside the machine's own namespaces", async () => {
	const { guest, scripts } = machine();
	expect(await withKey(guest, "ssh-ed25519 AAAA comment\n", NEVER, async () => 7)).toBe(7);
	const [script = ""] = scripts;
	expect(scripts).toHaveLength(1);
	expect(await syntaxErrors(script)).toBe("");
	expect(script).toContain(`restrict,pty,command="exec /bin/sh /etc/ssh/enter" ssh-ed25519 AAAA comment'`);
	expect(script).toContain("nsenter -t 1 -m -n");
});

test("what logs in with it runs what it asked for, in root's home", async () => {
	const { guest, scripts } = machine();
	await withKey(guest, "ssh-ed25519 AAAA", NEVER, async () => undefined);
	const assigned = (scripts[0] ?? "").slice(0, (scripts[0] ?? "").indexOf("lease()"));
	const print = await runHere(["sh"], { stdin: `${assigned}printf '%s' "$enter"` });
	const here = print.stdout.replace("nsenter -t 1 -m -n", "").replace("HOME=/root", "HOME=/usr");
	const asked = `pwd; echo "$HOME $LC_ALL"; echo 'a  b' "$X"`;
	const result = await runHere(["sh"], { stdin: here, env: { SSH_ORIGINAL_COMMAND: asked, X: "not this" } });
	expect(result.stdout).toBe("/usr\n/usr C.UTF-8\na  b \n");
});

test("a machine that was rebooted gets the key again", async () => {
	const { guest, scripts } = machine(async () => ({ status: 0, rebooted: true }));
	expect(await withKey(guest, "k", NEVER, async () => "done")).toBe("done");
	expect(scripts).toHaveLength(2);
});

test("a machine that refuses it, or is lost, ends the work", async () => {
	const refusing = machine(async () => ({ status: 1, rebooted: false })).guest;
	await expect(withKey(refusing, "k", NEVER, async () => "done")).rejects.toMatchObject({ code: "MACHINE_LOST" });
	let lose: (error: Error) => void = () => undefined;
	const lost = new Promise<ExecResult>((_resolve, reject) => {
		lose = reject;
	});
	const exec = (options: ExecOptions): Promise<ExecResult> => {
		options.onStdout?.(Buffer.from("ready\n"));
		return lost;
	};
	const work = (signal: AbortSignal): Promise<never> =>
		new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("ended"))));
	const failing = withKey({ ...localGuest(), exec }, "k", NEVER, (signal) => {
		lose(new NodebuildError({ code: "MACHINE_LOST", message: "gone" }));
		return work(signal);
	});
	await expect(failing).rejects.toMatchObject({ code: "MACHINE_LOST", message: "gone" });
});
