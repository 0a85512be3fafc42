import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Activity } from "../../../../src/machine/qemu/activity.ts";
import { tempDir } from "../../system/child.ts";

const pids: number[] = [];

/** A process that says that it has begun, and then does as the script says. */
async function running(script: string): Promise<number> {
	const child = spawn("sh", ["-c", `echo begun; ${script}`], { stdio: ["ignore", "pipe", "ignore"] });
	onTestFinished(() => void child.kill("SIGKILL"));
	await once(child.stdout, "data");
	pids.push(child.pid ?? -1);
	return child.pid ?? -1;
}

/** Resolves when it is found to be at work, or not to be. */
async function until(wanted: boolean, activity: Activity): Promise<void> {
	while ((await activity.worked()) !== wanted) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a process that wants the processor is at work, one that sleeps is not, unless it says something", async () => {
	const console = join(await tempDir(), "console.log");
	await writeFile(console, "");
	const asleep = new Activity(await running("exec sleep 1000"), console, 100);
	await until(false, asleep);
	await appendFile(console, "Booting\n");
	await until(true, asleep);
	const busy = new Activity(await running("kill -STOP $$; while :; do :; done"), console, 100);
	await until(false, busy);
	process.kill(pids.at(-1) ?? -1, "SIGCONT");
	await until(true, busy);
});

test("between two looks the last one's answer counts", async () => {
	const activity = new Activity(await running("exec sleep 1000"), "/nowhere", 60_000);
	expect(await activity.worked()).toBe(true);
});

test("a process that is gone does not work", async () => {
	const activity = new Activity(4_194_305, "/nowhere", 0);
	expect(await activity.worked()).toBe(false);
});
