import { copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
	loadPages,
	mayReadMemory,
	OverlayTooLarge,
	PAGE,
	patchFile,
	savePages,
} from "../../../../../src/machine/qemu/live/memory.ts";
import { Qmp } from "../../../../../src/machine/qemu/qmp.ts";
import { startCompanion } from "../../../../../src/system/process.ts";
import { tempDir } from "../../../system/child.ts";

const SIZE = 16 * 2 ** 20;
const RUNS = [
	{ page: 1, count: 2 },
	{ page: 7, count: 1 },
	{ page: 300, count: 600 },
];
/** Each page with a content of its own. */
const PAGES = Buffer.concat(
	RUNS.flatMap(({ page, count }) => Array.from({ length: count }, (_, at) => Buffer.alloc(PAGE, `page ${page + at} `))),
);

/** A QEMU without a machine whose memory is a private mapping of a file. */
async function bring() {
	const folder = await tempDir();
	const ram = join(folder, "ram");
	await writeFile(ram, Buffer.alloc(SIZE, "base"));
	const process = await startCompanion(
		"qemu-system-x86_64",
		[
			...["-machine", "none,memory-backend=ram", "-m", "16", "-nodefaults", "-display", "none", "-qmp", "stdio"],
			...["-object", `memory-backend-file,id=ram,size=16M,mem-path=${ram},share=off`],
		],
		{ stderrFile: join(folder, "qemu.log") },
	);
	onTestFinished(() => process.kill("SIGKILL"));
	await new Qmp(process.stdout, process.stdin).negotiate();
	const delta = join(folder, "delta");
	await writeFile(delta, PAGES);
	return { pid: process.pid, process, ram, delta, saved: join(folder, "saved") };
}

test("pages that were written are saved, as they are, and no others; the RAM file stays what it was", async () => {
	const { pid, ram, delta, saved } = await bring();
	expect(savePages(pid, ram, `${saved}-0`, { limit: 0 })).toEqual({ runs: [], size: 0, own: 0 });
	loadPages(pid, ram, delta, RUNS);
	expect(savePages(pid, ram, saved, { limit: PAGES.length })).toEqual({
		runs: RUNS,
		size: PAGES.length,
		own: PAGES.length,
	});
	expect((await readFile(saved)).equals(PAGES)).toBe(true);
	expect((await stat(saved)).mode & 0o777).toBe(0o600);
	expect((await readFile(ram)).equals(Buffer.alloc(SIZE, "base"))).toBe(true);
});

test("against a file that has an earlier state, only what changed since is saved", async () => {
	const { pid, ram, delta, saved } = await bring();
	loadPages(pid, ram, delta, RUNS);
	const earlier = `${saved}-earlier`;
	await copyFile(ram, earlier);
	await patchFile(earlier, delta, RUNS);
	const options = { limit: SIZE, against: earlier };
	expect(savePages(pid, ram, `${saved}-same`, options)).toEqual({ runs: [], size: 0, own: PAGES.length });
	// Two pages that follow each other within what was written before, one by itself there, and a new one.
	const changes = [
		{ page: 301, count: 2 },
		{ page: 700, count: 1 },
		{ page: 1000, count: 1 },
	];
	const bytes = Buffer.alloc(4 * PAGE, "new!");
	const later = `${saved}-later`;
	await writeFile(later, bytes);
	loadPages(pid, ram, later, changes);
	expect(savePages(pid, ram, saved, options)).toEqual({
		runs: changes,
		size: bytes.length,
		own: PAGES.length + PAGE,
	});
	expect((await readFile(saved)).equals(bytes)).toBe(true);
	expect(() => savePages(pid, ram, `${saved}-small`, { ...options, limit: 3 * PAGE })).toThrow(OverlayTooLarge);
	// What is put together from the file and the new pages is the memory.
	await patchFile(earlier, saved, changes);
	expect(savePages(pid, ram, `${saved}-whole`, options).size).toBe(0);
});

test("an overlay that would be too large is not begun", async () => {
	const { pid, ram, delta, saved } = await bring();
	loadPages(pid, ram, delta, RUNS);
	const failure = expect(() => savePages(pid, ram, saved, { limit: PAGES.length - 1 }));
	failure.toThrow(OverlayTooLarge);
	failure.toThrow(String(PAGES.length));
	await expect(stat(saved)).rejects.toThrow("ENOENT");
});

test("a RAM file takes pages as a machine does", async () => {
	const { pid, ram, delta, saved } = await bring();
	await patchFile(ram, delta, RUNS);
	const patched = await readFile(ram);
	expect(patched.length).toBe(SIZE);
	expect(patched.subarray(PAGE, 3 * PAGE).equals(PAGES.subarray(0, 2 * PAGE))).toBe(true);
	expect(patched.subarray(300 * PAGE, 900 * PAGE).equals(PAGES.subarray(3 * PAGE))).toBe(true);
	expect(patched.subarray(0, PAGE).toString()).toBe("base".repeat(PAGE / 4));
	// What the file holds is no longer the machine's own.
	expect(savePages(pid, ram, saved, { limit: 0 }).size).toBe(0);
});

test("pages beyond the memory, or fewer of them than the record says, are refused", async () => {
	const { pid, ram, delta } = await bring();
	expect(() => loadPages(pid, ram, delta, [{ page: SIZE / PAGE, count: 1 }])).toThrow("outside");
	expect(() => loadPages(pid, ram, delta, [{ page: 0, count: 1000 }])).toThrow("ended after");
});

test("whose memory may be read is asked before it is tried", async () => {
	const { pid, process, ram, saved } = await bring();
	expect(mayReadMemory(pid)).toBe(true);
	process.kill("SIGKILL");
	await process.exited;
	expect(mayReadMemory(pid)).toBe(false);
	expect(() => savePages(pid, ram, saved, { limit: SIZE })).toThrow();
});

test("a process that does not map the file is told as such", async () => {
	const { pid, saved, delta } = await bring();
	expect(() => savePages(pid, delta, saved, { limit: SIZE })).toThrow(`has not mapped its memory file ${delta}`);
});
