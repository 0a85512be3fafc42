import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type PanicWatch, watchForPanic } from "../../../../src/machine/qemu/panic.ts";

describe("a guest's console is watched for a crash of its kernel", () => {
	let folder = "";
	let watch: PanicWatch | undefined;
	beforeEach(async () => {
		folder = await mkdtemp(join(tmpdir(), "nodebuild-panic-"));
	});
	afterEach(async () => {
		watch?.stop();
		await rm(folder, { recursive: true });
	});

	function panicOf(console: string, grace: number): { readonly said: Promise<string>; readonly all: string[] } {
		const all: string[] = [];
		const said = new Promise<string>((resolve) => {
			watch = watchForPanic({
				console,
				interval: 5,
				grace,
				onPanic: (line) => {
					all.push(line);
					resolve(line);
				},
			});
		});
		return { said, all };
	}

	test("the kernel's line is told once, though it came in pieces", async () => {
		const console = join(folder, "console.log");
		await writeFile(console, "[    1.0] booting\r\n[   9.1] Kernel pan");
		const { said, all } = panicOf(console, 20);
		await new Promise((resolve) => setTimeout(resolve, 30));
		await appendFile(
			console,
			"ic - not syncing: sysrq triggered crash\r\n[   9.2] CPU: 0\r\n---[ end Kernel panic - not sy",
		);
		expect(await said).toBe("Kernel panic - not syncing: sysrq triggered crash");
		await appendFile(console, "ncing: sysrq triggered crash ]---\r\n");
		await new Promise((resolve) => setTimeout(resolve, 50));
		expect(all).toHaveLength(1);
	});

	test("a console that is not there yet is waited for", async () => {
		const console = join(folder, "console.log");
		const { said } = panicOf(console, 0);
		await new Promise((resolve) => setTimeout(resolve, 20));
		await writeFile(console, "Kernel panic - not syncing: VFS: Unable to mount root fs\n");
		expect(await said).toBe("Kernel panic - not syncing: VFS: Unable to mount root fs");
	});

	test("a kernel that reboots after its crash is left alone", async () => {
		const console = join(folder, "console.log");
		await writeFile(console, "Kernel panic - not syncing: oops\n");
		const { all } = panicOf(console, 60_000);
		await new Promise((resolve) => setTimeout(resolve, 30));
		watch?.reset();
		await appendFile(console, "booting anew\n");
		await new Promise((resolve) => setTimeout(resolve, 30));
		expect(all).toEqual([]);
	});
});
