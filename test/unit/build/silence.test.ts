import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { watchConsole } from "../../../src/build/silence.ts";
import { tempDir } from "../system/child.ts";

/** Resolves when the watch has given up on the console. */
function silence(signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

test("a console that never says anything, or is not there, is silent", async () => {
	const watch = watchConsole(join(await tempDir(), "console.log"), 10);
	await silence(watch.signal);
	watch.stop();
});

test("one that stops growing is silent from then on", async () => {
	const console = join(await tempDir(), "console.log");
	const watch = watchConsole(console, 50);
	await appendFile(console, "the firmware's greeting\n");
	await silence(watch.signal);
	watch.stop();
});

test("nobody watches a machine that is up", async () => {
	const watch = watchConsole(join(await tempDir(), "console.log"), 10);
	watch.stop();
	await sleep(50);
	expect(watch.signal.aborted).toBe(false);
});
