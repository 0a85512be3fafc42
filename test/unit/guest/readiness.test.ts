import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { waitUntilReady } from "../../../src/guest/readiness.ts";
import { tempDir } from "../system/child.ts";
import { localGuest, runHere, syntaxErrors } from "./local-guest.ts";

const GOOD_RESULT = JSON.stringify({ v1: { datasource: "DataSourceNoCloud", errors: [] } }, undefined, 1);

interface Machine {
	/** Programs by name, as shell. */
	readonly programs?: Readonly<Record<string, string>>;
	/** cloud-init's result.json. */
	readonly result?: string;
}

const SYSTEMCTL_DEGRADED =
	'case $1 in --failed) echo "web.service loaded failed failed Web" ;; *) echo degraded ;; esac';

/** The scripts run for real, with the programs they ask and the files they read in a folder of the test. */
async function ready({ programs = {}, result = GOOD_RESULT }: Machine, firstBoot = true) {
	const root = await tempDir();
	const all = {
		"cloud-init": "exit 0",
		systemctl: "echo running",
		ip: "echo default via 10.0.2.2",
		sleep: "exit 0",
		...programs,
	};
	await mkdir(join(root, "bin"));
	for (const [name, script] of Object.entries(all)) {
		await writeFile(join(root, "bin", name), `#!/bin/sh\n${script}\n`);
		await chmod(join(root, "bin", name), 0o755);
	}
	await mkdir(join(root, "cloud-init"));
	if (result !== "") await writeFile(join(root, "cloud-init/result.json"), result);
	await mkdir(join(root, "proc/17"), { recursive: true });
	await writeFile(join(root, "proc/17/comm"), "bash\n");
	const scripts: string[] = [];
	const here = localGuest();
	const guest = {
		...here,
		capture: async ({ stdin }: { readonly stdin?: unknown }) => {
			const script = String(stdin).replaceAll("/run/", `${root}/`).replaceAll("/proc/", `${root}/proc/`);
			scripts.push(script);
			const answer = await runHere(["sh", "-s"], { stdin: script, env: { PATH: `${root}/bin:${process.env.PATH}` } });
			return { ...answer, rebooted: false };
		},
	};
	return { warnings: await waitUntilReady(guest, firstBoot), scripts };
}

test("every requirement is a shell script", async () => {
	const { scripts } = await ready({});
	expect(scripts).toHaveLength(4);
	for (const script of scripts) expect(await syntaxErrors(script)).toBe("");
});

test("a machine in order has no warnings, at its first boot and later", async () => {
	expect((await ready({})).warnings).toEqual([]);
	const later = await ready({ programs: { "cloud-init": "exit 1" }, result: "" }, false);
	expect(later.warnings).toEqual([]);
	expect(later.scripts.length).toBeLessThan(4);
});

describe("is told", () => {
	const errors = ["failed to write users", "('scripts_user', RuntimeError('x'))"];
	const failed = JSON.stringify({ v1: { datasource: "none", errors } }, undefined, 1);
	test.each<[string, Machine, string]>([
		["cloud-init that found errors", { result: failed }, "failed to write users"],
		["cloud-init without a result", { result: "" }, "wrote no result"],
		["units that failed", { programs: { systemctl: SYSTEMCTL_DEGRADED } }, "failed unit: web.service"],
		["a system in rescue mode", { programs: { systemctl: "echo maintenance" } }, "systemd says: maintenance"],
		["a missing default route", { programs: { ip: "exit 0" } }, "no default route"],
	])("%s", async (_what, machine, detail) => {
		const { warnings } = await ready(machine);
		expect(warnings).toEqual([expect.objectContaining({ detail: expect.stringContaining(detail) })]);
		for (const { description, hint } of warnings) expect([description, hint]).not.toContain("");
	});
});
