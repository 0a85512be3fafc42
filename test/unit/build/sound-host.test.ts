import { describe, expect, test } from "vitest";
import { type Host, onSoundHost } from "../../../src/build/sound-host.ts";
import { type ErrorCode, NodebuildError } from "../../../src/errors.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { openStore } from "../../../src/layers/store.ts";
import { tempDir } from "../system/child.ts";

const host: Host = { qemu: "qemu", report: { accelerator: "tcg", why: "chosen", qemuVersion: "10.0.2" } };

/** Boots that end so, one after the other; undefined: it comes up. */
async function boots(...ends: readonly (ErrorCode | undefined)[]) {
	const events: BuildEvent[] = [];
	const store = await openStore(await tempDir());
	let count = 0;
	const booted = onSoundHost(host, { store, emit: (event) => events.push(event) }, async () => {
		const code = ends[count++];
		if (code !== undefined) throw new NodebuildError({ code, message: `boot ${count} failed` });
		return `boot ${count}`;
	});
	const result = await booted.catch((error: NodebuildError) => error.code);
	await store.close();
	return { result, count, events };
}

describe("a machine", () => {
	test("that QEMU crashed under while it booted is booted once more, which is said", async () => {
		expect(await boots("QEMU_CRASHED", undefined)).toEqual({
			result: "boot 2",
			count: 2,
			events: [{ type: "info", message: "QEMU crashed, the machine is booted once more: boot 1 failed" }],
		});
	});

	test("that it crashes under again is not", async () => {
		expect(await boots("QEMU_CRASHED", "QEMU_CRASHED")).toMatchObject({ result: "QEMU_CRASHED", count: 2 });
	});

	test.each(["MACHINE_NOT_READY", "MACHINE_START", "INTERRUPTED"] as const)(
		"that ends with %s is not",
		async (code) => {
			expect(await boots(code, undefined)).toEqual({ result: code, count: 1, events: [] });
		},
	);
});
