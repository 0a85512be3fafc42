/** A store with small real disks in it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Digest, sha256 } from "../../../src/digest.ts";
import type { NewImage } from "../../../src/layers/image-store.ts";
import type { NewLayer } from "../../../src/layers/layer-store.ts";
import { createOverlay } from "../../../src/layers/overlay.ts";
import { backingName } from "../../../src/layers/paths.ts";
import { create } from "../../../src/layers/qcow2.ts";
import type { Store } from "../../../src/layers/store.ts";
import type { BaseRecord, Image, Layer } from "../../../src/layers/types.ts";
import { EMPTY_CONFIG } from "../../../src/plan/types.ts";

export const VIRTUAL_SIZE = 64 * 1024 * 1024;
const CREATED = "2026-01-02T03:04:05.000Z";

const exec = promisify(execFile);

/** Write a pattern into a disk, as a guest would: `write -P 7 1M 64k`. */
export async function qemuIo(disk: string, ...commands: readonly string[]): Promise<void> {
	await exec("qemu-io", ["-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), disk]);
}

/** Whether all of a range holds a byte. */
export async function holds(disk: string, byte: number, offset: string, length: string): Promise<boolean> {
	const { stdout } = await exec("qemu-io", ["-r", "-f", "qcow2", "-c", `read -P ${byte} ${offset} ${length}`, disk]);
	return !stdout.includes("Pattern verification failed");
}

export function baseRecord(ref: string, more: Partial<BaseRecord> = {}): BaseRecord {
	return {
		version: 1,
		digest: sha256(ref),
		ref,
		family: "debian",
		architecture: "x86_64",
		source: "bootstrap",
		created: CREATED,
		sourceFormat: "qcow2",
		virtualSize: VIRTUAL_SIZE,
		verified: "booted",
		...more,
	};
}

export async function addBase(store: Store, ref: string, more: Partial<BaseRecord> = {}): Promise<BaseRecord> {
	await using work = await store.workDir();
	const file = join(work.path, "base.qcow2");
	await create(file, "qcow2", VIRTUAL_SIZE);
	await qemuIo(file, "write -P 1 0 1M");
	return await store.bases.add(baseRecord(ref, more), file);
}

export function layerRecord(base: Digest, title: string, parent?: Digest): NewLayer {
	return {
		version: 1,
		key: sha256(title),
		base,
		title,
		created: CREATED,
		virtualSize: VIRTUAL_SIZE,
		took: { run: 1, freeze: 2 },
		...(parent === undefined ? {} : { parent }),
	};
}

/** Commit an overlay that holds `byte` at 2 MiB. */
export async function addLayer(store: Store, base: Digest, title: string, parent?: Digest, byte = 2): Promise<Layer> {
	await using work = await store.workDir();
	const file = join(work.path, "overlay.qcow2");
	const backing = parent === undefined ? backingName("bases", base) : backingName("layers", parent);
	await createOverlay({ file, backingName: backing, backingFormat: "qcow2", virtualSize: VIRTUAL_SIZE });
	await qemuIo(file, `write -P ${byte} 2M 64k`);
	return await store.layers.commit(layerRecord(base, title, parent), file);
}

export function imageRecord(layer: Layer, name: string): NewImage {
	return {
		version: 1,
		key: sha256(`image ${name}`),
		layer: layer.key,
		base: layer.base,
		baseRef: "debian:12",
		family: "debian",
		architecture: "x86_64",
		config: EMPTY_CONFIG,
		created: CREATED,
		virtualSize: VIRTUAL_SIZE,
		history: [layer.title],
	};
}

/** An image whose disk holds 3 at 3 MiB over its layer. */
export async function addImage(store: Store, layer: Layer, name: string, tags: readonly string[]): Promise<Image> {
	await using work = await store.workDir();
	const file = join(work.path, "sealed.qcow2");
	const backing = backingName("layers", layer.key);
	await createOverlay({ file, backingName: backing, backingFormat: "qcow2", virtualSize: VIRTUAL_SIZE });
	await qemuIo(file, "write -P 3 3M 64k");
	return await store.images.add(imageRecord(layer, name), file, tags);
}

/** A layer without data of its own. */
export async function addPlainLayer(store: Store, base: Digest, title: string, parent?: Digest): Promise<Layer> {
	await using work = await store.workDir();
	const file = join(work.path, "overlay.qcow2");
	const backing = parent === undefined ? backingName("bases", base) : backingName("layers", parent);
	await createOverlay({ file, backingName: backing, backingFormat: "qcow2", virtualSize: VIRTUAL_SIZE });
	return await store.layers.commit(layerRecord(base, title, parent), file);
}
