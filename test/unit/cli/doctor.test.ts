import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TOOLS } from "../../../scripts/setup/host-tools.mjs";
import type { DoctorRow } from "../../../src/cli/backend.ts";
import { examine, type HostFacts } from "../../../src/cli/doctor.ts";
import { digestOf } from "../../../src/digest.ts";
import { storePaths } from "../../../src/layers/paths.ts";
import { openStore } from "../../../src/layers/store.ts";
import { remember } from "../../../src/machine/qemu/accelerator.ts";
import { readEnvironment } from "../../../src/system/env.ts";
import { addBase } from "../layers/fixtures.ts";
import { cli } from "./harness.ts";

let folder: string;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "nodebuild-doctor-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): string {
	const path = join(folder, name);
	writeFileSync(path, `#!/bin/sh\n${script}\n`);
	chmodSync(path, 0o755);
	return path;
}

function facts(over: Partial<HostFacts> = {}, env: Record<string, string> = {}): HostFacts {
	return {
		environment: readEnvironment({ HOME: folder, NODEBUILD_ACCEL: "tcg", ...env }),
		nodeVersion: "20.19.0",
		searchPath: [folder],
		osRelease: "ID=debian\nVERSION_CODENAME=bookworm\n",
		memoryInfo: "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n",
		...over,
	};
}

async function rowOf(name: string, host: HostFacts, home = join(folder, "store")): Promise<DoctorRow | undefined> {
	const rows = await examine(host, home, new AbortController().signal);
	return rows.find((row) => row.name === name);
}

describe("doctor", () => {
	it("says for each tool that is missing which package has it", async () => {
		for (const tool of TOOLS.filter(({ probe, need }) => !probe.includes("/") && need === "start")) {
			if (tool.alternatives !== undefined) continue;
			const row = await rowOf(tool.probe, facts());
			expect(row).toMatchObject({ state: "missing", found: "not found" });
			expect(row?.advice).toContain(`apt-get install --no-install-recommends ${tool.packages.debian}`);
		}
	});

	it("finds tools on the search path", async () => {
		const path = program("qemu-img", "exit 0");
		expect(await rowOf("qemu-img", facts())).toEqual({ name: "qemu-img", state: "good", found: path });
	});

	it("names the tools on a host whose packages it does not know", async () => {
		const row = await rowOf("qemu-img", facts({ osRelease: "ID=arch\n" }));
		expect(row?.state).toBe("missing");
		expect(row?.advice).toContain("qemu-img");
	});

	it.each([
		["5.2.0", "missing", "needs QEMU 6.2"],
		["6.2.0", "poor", "several times faster"],
		["7.2.22", "poor", "several times faster"],
		["10.0.2", "good", undefined],
		["11.0", "good", undefined],
	])("judges QEMU %s without KVM as %s", async (version, state, advice) => {
		const qemu = program("my-qemu", `echo "QEMU emulator version ${version} (Debian)"`);
		const row = await rowOf("QEMU", facts({}, { NODEBUILD_QEMU: qemu }));
		expect(row).toMatchObject({ state, found: version });
		if (advice === undefined) expect(row).not.toHaveProperty("advice");
		else expect(row?.advice).toContain(advice);
		expect(await rowOf("accelerator", facts({}, { NODEBUILD_QEMU: qemu }))).toMatchObject({ state: "poor" });
	});

	it("says what a QEMU that does not work says", async () => {
		const qemu = program("my-qemu", "echo cannot load libfoo >&2; exit 127");
		const row = await rowOf("accelerator", facts({}, { NODEBUILD_QEMU: qemu }));
		expect(row).toMatchObject({ state: "missing" });
		expect(row?.found).toContain("127");
	});

	it("tells of an accelerator that failed a machine of this store, whatever a probe guest does", async () => {
		const qemu = program("my-qemu", `[ "$1" = --version ] && echo "QEMU emulator version 10.0.2" || exit 85`);
		const host = facts({}, { NODEBUILD_QEMU: qemu, NODEBUILD_ACCEL: "auto" });
		const home = join(folder, "store");
		mkdirSync(join(home, "host"), { recursive: true });
		const report = { accelerator: "tcg", why: "a machine came to nothing under KVM", qemuVersion: "10.0.2" } as const;
		await remember(join(home, "host"), { qemu, choice: "auto" }, report);
		expect(await rowOf("accelerator", host, home)).toMatchObject({ state: "poor", found: `TCG: ${report.why}` });
	});

	it("judges Node.js, memory and space", async () => {
		expect(await rowOf("Node.js", facts({ nodeVersion: "20.18.3" }))).toMatchObject({ state: "missing" });
		expect(await rowOf("Node.js", facts({ nodeVersion: "24.0.0" }))).toMatchObject({ state: "good" });
		expect(await rowOf("memory", facts())).toMatchObject({ state: "good", found: "7.6 GiB available" });
		const little = facts({ memoryInfo: "MemAvailable: 500000 kB\n" });
		expect(await rowOf("memory", little)).toMatchObject({ state: "poor" });
		expect(await rowOf("memory", facts({ memoryInfo: "" }))).toMatchObject({ state: "poor" });
		expect((await rowOf("space", facts()))?.found).toContain(" free at ");
	});

	it("looks at the store and makes nothing", async () => {
		const home = join(folder, "a", "store");
		expect(await rowOf("store", facts(), home)).toMatchObject({
			state: "good",
			found: `${home} (made by the first build)`,
		});
		expect(existsSync(join(folder, "a"))).toBe(false);
		mkdirSync(home, { recursive: true });
		expect(await rowOf("store", facts(), home)).toMatchObject({ found: `${home} (empty)` });
		writeFileSync(join(home, "version"), "1\n");
		expect(await rowOf("store", facts(), home)).toMatchObject({ found: `${home}, version 1` });
		expect(await rowOf("damage", facts(), home)).toBeUndefined();
	});

	it.each([
		["of a newer version", "99\n", "update nodebuild"],
		["of a damaged version", "\u0000", "damaged"],
		["without a version, but with other files", undefined, "empty"],
	])("says that a store %s cannot be used", async (_what, version, advice) => {
		const home = join(folder, "store");
		mkdirSync(home);
		writeFileSync(join(home, "other"), "");
		if (version !== undefined) writeFileSync(join(home, "version"), version);
		const row = await rowOf("store", facts(), home);
		expect(row).toMatchObject({ state: "missing", advice: expect.stringContaining(advice) });
		expect(row?.found).toContain(`the store ${home} cannot be used`);
	});

	it.each([
		["below /proc", () => "/proc/nodebuild/store"],
		["below a file", () => join(program("file", ""), "store")],
		["with too long a name", () => join(folder, "x".repeat(300))],
	])("says that a store cannot be made: %s", async (_what, place) => {
		expect(await rowOf("store", facts(), place())).toMatchObject({
			state: "missing",
			found: expect.stringMatching(/^E[A-Z]+: /),
			advice: expect.stringContaining("NODEBUILD_HOME"),
		});
	});

	it("tells of damaged entries of the store", async () => {
		const home = join(folder, "store");
		mkdirSync(storePaths(home).entry("layers", digestOf("torn")), { recursive: true });
		const row = await rowOf("damage", facts(), home);
		expect(row).toMatchObject({
			state: "poor",
			found: expect.stringContaining("1 damaged in the store, e.g. layers/"),
		});
		expect(row?.advice).toContain("nodebuild prune");
	});

	it("tells of disks whose tables are damaged, and of those that are cut off", async () => {
		const home = join(folder, "whole");
		await using store = await openStore(home);
		const { digest } = await addBase(store, "debian:12");
		expect(await rowOf("damaged disks", facts(), home)).toBeUndefined();
		const disk = storePaths(home).disk("bases", digest);
		const bytes = readFileSync(disk);
		// The first entry of the L1 table (docs/interop/qcow2.txt of QEMU): not on a cluster's boundary.
		bytes.writeBigUInt64BE(0x8000_0000_0000_0301n, Number(bytes.readBigUInt64BE(40)));
		chmodSync(disk, 0o600);
		writeFileSync(disk, bytes);
		const row = await rowOf("damaged disks", facts(), home);
		expect(row).toMatchObject({
			state: "poor",
			found: expect.stringMatching(/^bases\/[0-9a-f]{64}: \d+ errors were found/),
		});
		expect(row?.advice).toContain(`rm -r ${storePaths(home).entry("bases", digest)}`);
		truncateSync(disk, 100_000);
		expect(await rowOf("damage", facts(), home)).toMatchObject({
			state: "poor",
			found: expect.stringContaining("bases/"),
		});
	});
});

describe("nodebuild doctor", () => {
	const rows: readonly DoctorRow[] = [
		{ name: "Node.js", state: "good", found: "24.0.0" },
		{ name: "QEMU", state: "poor", found: "7.2", advice: "take a newer one" },
		{ name: "qemu-img", state: "missing", found: "not found", advice: "apt-get install qemu-utils" },
	];

	it("shows a table, the advice, and ends with 7 when something is missing", async () => {
		const { status, stdout } = await cli(["doctor"], { answers: { doctor: async () => rows } });
		expect(status).toBe(7);
		expect(stdout).toBe(
			[
				"WHAT       STATE             FOUND",
				"Node.js    ok                24.0.0",
				"QEMU       could be better   7.2",
				"qemu-img   MISSING           not found",
				"",
				"QEMU: take a newer one",
				"qemu-img: apt-get install qemu-utils",
				"",
				"this machine cannot build yet: 1 missing",
				"",
			].join("\n"),
		);
	});

	it("ends with 0 when builds work", async () => {
		const { status, stdout } = await cli(["doctor"], { answers: { doctor: async () => rows.slice(0, 2) } });
		expect(status).toBe(0);
		expect(stdout).toContain("this machine can build\n");
		const json = await cli(["doctor", "--json"], { answers: { doctor: async () => rows } });
		expect(JSON.parse(json.stdout)).toEqual(rows);
	});
});
