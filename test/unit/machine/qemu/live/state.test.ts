import { appendFile, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../../../../src/digest.ts";
import {
	DELTA,
	DEVICES,
	DISK,
	fingerprint,
	type LiveRecord,
	readFitting,
	readRecord,
	requireWhole,
	runsOf,
	sha256File,
	writeRecord,
} from "../../../../../src/machine/qemu/live/state.ts";
import { tempDir } from "../../../system/child.ts";

const SPEC = { memory: 1024, cpus: 2 };
const FITS = fingerprint(SPEC, "tcg", "10.0.2", "");
const hex = (text: string): string => sha256(text).slice("sha256:".length);
const KEYS = { private: "private", public: "public" };

async function makeState(more: Partial<LiveRecord> = {}): Promise<{ folder: string; record: LiveRecord }> {
	const folder = join(await tempDir(), "live");
	await mkdir(folder);
	await writeFile(join(folder, DEVICES), "devices");
	await writeFile(join(folder, DELTA), "delta");
	const record: LiveRecord = {
		version: 2,
		fits: FITS,
		ram: "zero",
		runs: [[3, 2]],
		devicesSha256: hex("devices"),
		deltaSha256: hex("delta"),
		deltaSize: 5,
		client: KEYS,
		host: KEYS,
		bootId: "boot",
		rom: "",
		...more,
	};
	await writeRecord(folder, record);
	return { folder, record };
}

test("a state fits only the machine, the QEMU and the processor that it was taken of", () => {
	const fingerprints = [
		FITS,
		fingerprint({ ...SPEC, memory: 2048 }, "tcg", "10.0.2", ""),
		fingerprint({ ...SPEC, cpus: 1 }, "tcg", "10.0.2", ""),
		fingerprint(SPEC, "tcg", "7.2.22", ""),
		fingerprint(SPEC, "kvm", "10.0.2", "a processor"),
		fingerprint(SPEC, "kvm", "10.0.2", "another processor"),
	];
	expect(new Set(fingerprints).size).toBe(fingerprints.length);
});

test("what is no part of the machine's devices does not matter", () => {
	const forwards = [{ host: 8080, guest: 80, protocol: "tcp" }] as const;
	expect(fingerprint({ ...SPEC, forwards, hostname: "web" }, "tcg", "10.0.2", "any")).toBe(FITS);
});

test("a whole state is found and believed", async () => {
	const { folder, record } = await makeState();
	expect(await readFitting(folder, FITS)).toEqual(record);
	expect(runsOf(record)).toEqual([{ page: 3, count: 2 }]);
	await expect(requireWhole(folder, record)).resolves.toBeUndefined();
	expect(await sha256File(join(folder, DELTA))).toBe(hex("delta"));
});

test.each<[string, (folder: string) => Promise<unknown>]>([
	["absent", (folder) => rm(folder, { recursive: true })],
	["without a record", (folder) => rm(join(folder, "live.json"))],
	["with a record that was cut short", (folder) => truncate(join(folder, "live.json"), 40)],
	["of another format", async (folder) => writeRecord(folder, { ...(await recordOf(folder)), version: 1 as 2 })],
	[
		"with a record that was changed",
		async (folder) => {
			const file = join(folder, "live.json");
			await writeFile(file, (await readFile(file, "utf8")).replace('"zero"', '"other"'));
		},
	],
	["of another machine", async (folder) => writeRecord(folder, { ...(await recordOf(folder)), fits: sha256("other") })],
	["with a short overlay", (folder) => truncate(join(folder, DELTA), 4)],
])("a state that is %s is not found", async (_, harm) => {
	const { folder } = await makeState();
	await harm(folder);
	expect(await readFitting(folder, FITS)).toBeUndefined();
});

const recordOf = readRecord;

test.each<[string, (folder: string) => Promise<unknown>]>([
	["devices are torn", (folder) => truncate(join(folder, DEVICES), 3)],
	["devices have grown", (folder) => appendFile(join(folder, DEVICES), "x")],
	["overlay has another byte", (folder) => writeFile(join(folder, DELTA), "delto")],
	["files went while they were read", (folder) => rm(folder, { recursive: true })],
	["disk is another", (folder) => writeFile(join(folder, DISK), "dusk")],
])("a state whose %s is refused", async (_, harm) => {
	const { folder, record } = await makeState({ diskSha256: hex("disk") });
	await writeFile(join(folder, DISK), "disk");
	await expect(requireWhole(folder, record)).resolves.toBeUndefined();
	await harm(folder);
	await expect(requireWhole(folder, record)).rejects.toMatchObject({ code: "STORE_INVALID" });
});
