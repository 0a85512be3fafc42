import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { currentOwner, ownedName, ownerGone, ownerOfName } from "../../../src/system/owner.ts";

test("a name carries its owner", () => {
	const name = ownedName();
	expect(ownerOfName(`.disk.${name}.tmp`)).toEqual(currentOwner());
	expect(ownedName()).not.toBe(name);
	expect(ownerOfName("something-else")).toBeUndefined();
});

test("a living process is not gone; another process with its pid, or one of another boot, is", () => {
	const self = currentOwner();
	expect(ownerGone(self)).toBe(false);
	expect(ownerGone({ ...self, start: "1" })).toBe(true);
	expect(ownerGone({ ...self, boot: "00000000" })).toBe(true);
	expect(ownerGone({ ...self, pid: 2 ** 22 + 1 })).toBe(true);
});

test("an owner in another pid namespace cannot be looked up: it counts as living for a day", () => {
	const foreign = { ...currentOwner(), namespace: "1", pid: 2 ** 22 + 1 };
	expect(ownerGone(foreign, 60_000)).toBe(false);
	expect(ownerGone(foreign, 25 * 3600 * 1000)).toBe(true);
});

test("a zombie is gone", async () => {
	// The shell's child ends, and nobody waits for it: exec replaces the shell by sleep.
	const parent = spawn("sh", ["-c", "sh -c 'cut -d\" \" -f1,22 /proc/self/stat; exit' & exec sleep 30"]);
	try {
		const [line] = await once(parent.stdout, "data");
		await new Promise((resolve) => setTimeout(resolve, 100));
		const [pid, start] = String(line).trim().split(" ");
		expect(ownerGone({ ...currentOwner(), pid: Number(pid), start: start ?? "" })).toBe(true);
	} finally {
		parent.kill("SIGKILL");
	}
});
