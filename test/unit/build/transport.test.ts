import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { type DiskPort, extractArchive, paysAsDisk } from "../../../src/build/transport.ts";
import { NodebuildError } from "../../../src/errors.ts";
import type { ExecOptions } from "../../../src/guest/types.ts";
import type { DiskFile } from "../../../src/machine/types.ts";
import { localGuest } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

const LARGE = 2 ** 30;

/** An archive with one file, a machine whose disks are the files themselves, and a folder to unpack into. */
async function scene(more: { readonly attach?: DiskPort["attach"]; readonly open?: () => Readable } = {}) {
	const folder = await tempDir();
	const [files, target, work] = ["files", "target", "work"].map((name) => join(folder, name));
	if (files === undefined || target === undefined || work === undefined) throw new Error("expected three folders");
	for (const path of [files, target, work]) mkdirSync(path);
	writeFileSync(join(files, "f"), "text");
	const archive = execFileSync("tar", ["-c", "-C", files, "f"]);
	const guest = localGuest();
	const happened: string[] = [];
	const attach = async (disk: DiskFile) => {
		happened.push(`attach ${disk.format} ${disk.readOnly ? "read-only" : ""}`);
		return {
			device: disk.file,
			detach: async () => {
				happened.push(existsSync(join(target, "f")) ? "detach after tar" : "detach");
			},
		};
	};
	const abort = new AbortController();
	const extract = (bytes: number, tar: readonly string[] = ["tar", "-x", "-C", target]) =>
		extractArchive({
			guest,
			disks: { folder: work, attach: more.attach ?? attach },
			tar,
			bytes,
			open: more.open ?? (() => Readable.from([archive])),
			signal: abort.signal,
			onStderr: () => undefined,
		});
	const text = () => readFileSync(join(target, "f"), "utf8");
	const stdin = () => guest.asked.map((asked: ExecOptions) => asked.stdin !== undefined);
	return { extract, text, stdin, happened, abort, left: () => readdirSync(work) };
}

describe("an archive", () => {
	test("that is large is read from a disk, which is gone afterwards with its file", async () => {
		const { extract, text, stdin, happened, left } = await scene();
		expect(await extract(LARGE)).toMatchObject({ status: 0 });
		expect(text()).toBe("text");
		expect(happened).toEqual(["attach raw read-only", "detach after tar"]);
		expect(stdin()).toEqual([false]);
		expect(left()).toEqual([]);
	});

	test("that is small is sent over SSH: plugging a disk in costs more", async () => {
		const { extract, text, stdin, happened } = await scene();
		await extract(1000);
		expect(text()).toBe("text");
		expect([happened, stdin()]).toEqual([[], [true]]);
	});

	test.each([
		["shows no disk", new NodebuildError({ code: "MACHINE_LOST", message: "its kernel did not show it" })],
		["has no room for the file", Object.assign(new Error("full"), { code: "ENOSPC" })],
	])("is sent over SSH when the machine %s", async (_what, error) => {
		const { extract, text, left } = await scene({ attach: () => Promise.reject(error) });
		expect(await extract(LARGE)).toMatchObject({ status: 0 });
		expect(text()).toBe("text");
		expect(left()).toEqual([]);
	});

	test("that cannot be made fails as it says, and leaves nothing", async () => {
		const changed = new NodebuildError({ code: "COPY_FAILED", message: "changed while it was copied" });
		const open = () =>
			Readable.from(
				(async function* () {
					yield Buffer.alloc(512);
					throw changed;
				})(),
			);
		const { extract, happened, left } = await scene({ open });
		await expect(extract(LARGE)).rejects.toBe(changed);
		expect([happened, left()]).toEqual([[], []]);
	});

	test("that tar cannot unpack lets go of the disk too", async () => {
		const { extract, happened, left } = await scene();
		expect((await extract(LARGE, ["tar", "-x", "-C", "/nowhere"])).status).not.toBe(0);
		expect(happened).toEqual(["attach raw read-only", "detach"]);
		expect(left()).toEqual([]);
	});

	test("is not brought anywhere by a build that was interrupted", async () => {
		const { extract, happened, abort, left } = await scene();
		abort.abort();
		await expect(extract(LARGE)).rejects.toMatchObject({ code: "INTERRUPTED" });
		expect([happened, left()]).toEqual([[], []]);
	});
});

test("a disk pays from a few MiB on", () => {
	expect([0, 2 ** 20, 2 ** 24, 2 ** 33].map(paysAsDisk)).toEqual([false, false, true, true]);
});
