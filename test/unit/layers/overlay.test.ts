import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createOverlay, overlayContent } from "../../../src/layers/overlay.ts";
import { faultOf } from "../../../src/layers/qcow2.ts";
import { tempDir } from "../system/child.ts";

const qemuImg = (...args: readonly string[]): string => execFileSync("qemu-img", args, { encoding: "utf8" });
const CLUSTER = 32 * 1024;

test.each([
	["../../layers/abc/disk.qcow2", "qcow2", 3 * 2 ** 30],
	["base.raw", "raw", 2361393152],
	["a name \u00e4", "qcow2", 64 * 2 ** 20 + 512],
	[`${"x".repeat(200)}/${"y".repeat(200)}`, "qcow2", 2 ** 40],
	["odd", "raw", 10 * 2 ** 20 + 1],
] as const)("an empty overlay over %s is what qemu-img makes", async (backingName, backingFormat, virtualSize) => {
	const folder = await tempDir();
	const [ours, theirs] = [join(folder, "ours"), join(folder, "theirs")];
	await createOverlay({ file: ours, backingName, backingFormat, virtualSize });
	const options = ["-o", "cluster_size=32k,extended_l2=on"];
	qemuImg(
		"create",
		"-q",
		"-f",
		"qcow2",
		"-u",
		"-b",
		backingName,
		"-F",
		backingFormat,
		...options,
		theirs,
		`${virtualSize}`,
	);
	const described = (file: string): object => {
		const {
			filename: _f,
			"actual-size": _a,
			children: _c,
			...rest
		} = JSON.parse(qemuImg("info", "--output=json", file));
		return { ...rest, "full-backing-filename": undefined };
	};
	expect(described(ours)).toEqual(described(theirs));
	const [a, b] = [readFileSync(ours), readFileSync(theirs)];
	// All but the first cluster, where QEMU also explains bits that this disk does not have.
	expect(a.subarray(CLUSTER).equals(b.subarray(CLUSTER))).toBe(true);
	expect(statSync(ours).blocks * 512).toBeLessThan(CLUSTER);
});

test("an overlay takes what is written, and shows the rest of what it stands on", async () => {
	const folder = await tempDir();
	const [base, file] = [join(folder, "base.qcow2"), join(folder, "overlay.qcow2")];
	const io = (disk: string, command: string): string =>
		execFileSync("qemu-io", ["-f", "qcow2", "-c", command, disk], { encoding: "utf8" });
	qemuImg("create", "-q", "-f", "qcow2", base, "200M");
	io(base, "write -P 1 0 1M");
	await createOverlay({ file, backingName: "base.qcow2", backingFormat: "qcow2", virtualSize: 300 * 2 ** 20 });
	io(file, "write -P 2 4k 4k");
	io(file, "write -P 3 250M 4k");
	for (const command of [
		"read -P 1 0 4k",
		"read -P 2 4k 4k",
		"read -P 1 8k 1016k",
		"read -P 0 1M 1M",
		"read -P 3 250M 4k",
	])
		expect(io(file, command)).not.toContain("failed");
	expect(await faultOf(file)).toBeUndefined();
});

test("a name that the format has no room for is an error of its own", () => {
	const request = { backingName: "x".repeat(1024), backingFormat: "qcow2", virtualSize: 2 ** 30 } as const;
	expect(() => overlayContent(request)).toThrow("too long");
});
