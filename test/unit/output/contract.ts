/** What every output format must do, on real disks; each format runs this. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { openStore } from "../../../src/layers/store.ts";
import type { Image } from "../../../src/layers/types.ts";
import type { OutputFormat, OutputRequest } from "../../../src/output/types.ts";
import { diskUsage } from "../../../src/system/files.ts";
import { addBase, addImage, addLayer } from "../layers/fixtures.ts";
import { tempDir } from "../system/child.ts";

const exec = promisify(execFile);
const ignore = (): void => undefined;

export interface Variant {
	readonly options: Readonly<Record<string, string>>;
	/** What `qemu-img info` calls the file. */
	readonly qemuFormat: string;
}

/** An image of three disks over each other. */
export async function makeImage(): Promise<Image> {
	const store = await openStore(join(await tempDir(), "store"));
	const base = await addBase(store, "debian:12");
	const layer = await addLayer(store, base.digest, "RUN one");
	return addImage(store, layer, "web", ["web"]);
}

async function info(path: string, format: string): Promise<Record<string, unknown>> {
	const { stdout } = await exec("qemu-img", ["info", "--output=json", "-f", format, path]);
	return JSON.parse(stdout) as Record<string, unknown>;
}

export function outputContract(format: OutputFormat, variants: readonly Variant[]): void {
	const make = (dest: string, options: Readonly<Record<string, string>> = {}): OutputRequest => ({
		type: format.type,
		dest,
		options,
	});

	describe.each(variants)(`${format.type} $options`, ({ options, qemuFormat }) => {
		test("the file holds the disk with all it stands on, is sparse, and stands on nothing", async () => {
			const image = await makeImage();
			const dest = join(await tempDir(), "new", `node${format.extensions[0]}`);
			const result = await format.write(image, make(dest, options), ignore);
			await exec("qemu-img", ["compare", "-f", "qcow2", "-F", qemuFormat, image.disk, dest]);
			const found = await info(dest, qemuFormat);
			expect(found).toMatchObject({ format: qemuFormat, "virtual-size": image.virtualSize });
			expect(found).not.toHaveProperty("backing-filename");
			expect(result).toMatchObject({ path: dest, size: (await stat(dest)).blocks * 512 });
			// VHDX has a log and blocks of megabytes; the disk holds little more than one.
			expect(result.size).toBeLessThan(image.virtualSize / 2);
		});

		test("sha256sum -c accepts the digest beside it, and nothing else is left", async () => {
			const image = await makeImage();
			const folder = await tempDir();
			const dest = join(folder, `a b\\c${format.extensions[0]}`);
			const result = await format.write(image, make(dest, options), ignore);
			await exec("sha256sum", ["-c", `${basename(dest)}.sha256`], { cwd: folder });
			expect(await readFile(`${dest}.sha256`, "utf8")).toContain(result.sha256);
			expect((await readdir(folder)).sort()).toEqual([basename(dest), `${basename(dest)}.sha256`]);
		});
	});

	describe(format.type, () => {
		test("progress rises to the size of the virtual disk", async () => {
			const image = await makeImage();
			const seen: number[] = [];
			const dest = join(await tempDir(), "node");
			await format.write(image, make(dest), (current, total) => {
				expect(total).toBe(image.virtualSize);
				seen.push(current);
			});
			expect(seen.length).toBeGreaterThan(2);
			expect(seen).toEqual([...seen].sort((a, b) => a - b));
			expect(seen.at(-1)).toBe(image.virtualSize);
		});

		test("an older file is replaced, with its digest; without a wanted digest none stays", async () => {
			const image = await makeImage();
			const dest = join(await tempDir(), "node");
			await writeFile(dest, "old");
			await writeFile(`${dest}.sha256`, "old");
			expect((await format.write(image, make(dest, { sha256: "false" }), ignore)).sha256).toBe("");
			expect(await readdir(dirname(dest))).toEqual(["node"]);
			expect(diskUsage(dest)).toBeGreaterThan(4096);
		});

		test("a failure or an interruption leaves the older file and nothing else", async () => {
			const image = await makeImage();
			const dest = join(await tempDir(), "node");
			await writeFile(dest, "old");
			const gone = { ...image, disk: join(dirname(dest), "absent") };
			await expect(format.write(gone, make(dest), ignore)).rejects.toMatchObject({
				code: "OUTPUT_FAILED",
				message: expect.stringContaining(dest),
			});
			const controller = new AbortController();
			const stop = (current: number): void => {
				if (current > 0) controller.abort();
			};
			await expect(format.write(image, make(dest), stop, controller.signal)).rejects.toMatchObject({
				code: "INTERRUPTED",
			});
			expect(await readdir(dirname(dest))).toEqual(["node"]);
			expect(await readFile(dest, "utf8")).toBe("old");
		});

		test("a folder or a device is no destination", async () => {
			const image = await makeImage();
			const folder = await tempDir();
			await mkdir(join(folder, "out"));
			for (const dest of [join(folder, "out"), `${folder}/new/`, "/dev/null"]) {
				await expect(format.write(image, make(dest), ignore)).rejects.toMatchObject({
					code: "OUTPUT_FAILED",
					message: expect.stringContaining("expected dest to be the path of a file"),
				});
			}
			expect(await readdir(folder)).toEqual(["out"]);
		});

		test("every option has a meaning, and its values a default", () => {
			for (const [name, values] of Object.entries(format.values)) {
				expect(format.options[name]).toContain(`default ${values[0]}`);
			}
		});
	});
}
