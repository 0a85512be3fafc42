import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findOutput, OUTPUT_FORMATS } from "../../../src/output/index.ts";
import { qcow2Output } from "../../../src/output/qcow2.ts";
import { diskUsage } from "../../../src/system/files.ts";
import { bundle, start, tempDir } from "../system/child.ts";
import { makeImage, outputContract, type Variant } from "./contract.ts";

const VARIANTS: Readonly<Record<string, readonly Variant[]>> = {
	qcow2: [
		{ options: {}, qemuFormat: "qcow2" },
		{ options: { compress: "true" }, qemuFormat: "qcow2" },
		{ options: { compress: "true", compression: "zstd" }, qemuFormat: "qcow2" },
	],
	raw: [{ options: {}, qemuFormat: "raw" }],
	vmdk: [
		{ options: {}, qemuFormat: "vmdk" },
		{ options: { subformat: "streamOptimized" }, qemuFormat: "vmdk" },
	],
	vhd: [
		{ options: {}, qemuFormat: "vpc" },
		{ options: { subformat: "fixed" }, qemuFormat: "vpc" },
	],
	vhdx: [{ options: {}, qemuFormat: "vhdx" }],
};

for (const format of OUTPUT_FORMATS) outputContract(format, VARIANTS[format.type] ?? []);

test("every format is run through the contract, and found by its type", () => {
	for (const format of OUTPUT_FORMATS) {
		expect(VARIANTS[format.type]?.length).toBeGreaterThan(0);
		expect(findOutput(format.type)).toBe(format);
	}
	expect(findOutput("qcow")).toBeUndefined();
});

test("compressing makes a qcow2 smaller", async () => {
	const image = await makeImage();
	const folder = await tempDir();
	const sizes: number[] = [];
	for (const compress of ["true", "false"]) {
		const request = { type: "qcow2", dest: join(folder, compress), options: { compress } };
		await qcow2Output.write(image, request, () => undefined);
		sizes.push(diskUsage(join(folder, compress)));
	}
	expect(sizes[0]).toBeLessThan(sizes[1] ?? 0);
});

/** Writes the image out again and again, and says when qemu-img has begun. */
const WRITER = `
import { findOutput } from "./src/output/index.ts";
const [image, dest] = process.argv.slice(2);
for (;;) {
	await findOutput("raw").write(JSON.parse(image), { type: "raw", dest, options: {} }, () => console.log("progress"));
}
`;

test("killed midway: no half file under the final name, and the next run removes what was left", async () => {
	const image = await makeImage();
	const folder = await tempDir();
	const script = await bundle(await tempDir(), WRITER);
	const dest = join(folder, "node.img");
	let leftovers = 0;
	for (let run = 0; run < 8; run++) {
		const child = start(script, [JSON.stringify(image), dest]);
		if (run % 2 === 1) await child.says("progress");
		await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
		child.process.kill("SIGKILL");
		await child.ended;
		const names = await readdir(folder);
		leftovers += names.filter((name) => name.startsWith(".")).length;
		if (names.includes("node.img")) expect(await readFile(dest)).toHaveLength(image.virtualSize);
	}
	expect(leftovers).toBeGreaterThan(0);
	const { sha256 } = await qcow2Output.write(image, { type: "qcow2", dest, options: {} }, () => undefined);
	expect((await readdir(folder)).sort()).toEqual(["node.img", "node.img.sha256"]);
	expect(await readFile(`${dest}.sha256`, "utf8")).toBe(`${sha256}  node.img\n`);
});
