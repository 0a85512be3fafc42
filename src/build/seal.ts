/** From the machine after its last step to an image in the store. */
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { type Contents, readContents } from "../image/contents.ts";
import { clearFreeBlocks } from "../image/free-blocks.ts";
import { LOOKED, STILL } from "../image/residue.ts";
import { sealRequest, sealScript } from "../image/seal.ts";
import type { Image } from "../layers/types.ts";
import { BUILD_FILES } from "../machine/build-files.ts";
import type { Machine } from "../machine/types.ts";
import type { ImageConfig } from "../plan/types.ts";
import type { Chain } from "./chain.ts";
import { stageOf } from "./chain.ts";
import { explainLoss } from "./loss.ts";
import { type Running, startAt } from "./machines.ts";
import type { StageResult } from "./stage.ts";
import type { StageContext } from "./stage-context.ts";
import { type Task, task } from "./task.ts";

/**
 * The last layer goes into the store meanwhile.
 * @throws NodebuildError SEAL_FAILED with what was found on the disk.
 */
export async function sealImage(
	chain: Chain,
	{ layer, running, stored }: StageResult,
	context: StageContext,
): Promise<Image> {
	const { options, store, prepared, root } = context;
	await using up = running ?? (await bootToSeal(layer.key, context));
	const { machine } = up;
	const seal = async (handle: Task): Promise<Image> => {
		const config = stageOf(prepared.plan, prepared.plan.target).config;
		let contents: Contents;
		try {
			contents = await sealDisk(machine, config, options.signal);
			await machine.quit();
		} catch (error) {
			throw await explainLoss(machine, error);
		}
		await stored;
		const record = {
			version: 1,
			key: prepared.plan.imageKey,
			layer: layer.key,
			base: root.digest,
			baseRef: root.ref,
			family: root.family,
			architecture: root.architecture,
			config,
			created: new Date().toISOString(),
			virtualSize: layer.virtualSize,
			history: chain.steps.map(({ title }) => title),
			...(Object.keys(contents).length === 0 ? {} : { contents }),
		} as const;
		const image = await store.images.add(record, machine.activeDisk, options.tags);
		handle.note = image.id.slice(0, "sha256:".length + 12);
		return image;
	};
	try {
		return await task(options.emit, "seal the image", seal);
	} finally {
		// What is stored lies in the machine's folder, which goes with it.
		await stored.catch(() => undefined);
	}
}

/**
 * The image's contents. What is left to be looked at once its disks hold still, the guest only reads; meanwhile free blocks
 * are cleared.
 */
async function sealDisk(machine: Machine, config: ImageConfig, signal: AbortSignal): Promise<Contents> {
	let heard = "";
	let clearing: Promise<number> | undefined;
	const onStdout = (data: Uint8Array): void => {
		heard += Buffer.from(data).toString("latin1");
		if (clearing !== undefined || !`\n${heard}`.includes(`\n${STILL}\n`)) return;
		const begun = machine.useDisk(clearFreeBlocks);
		// What the script finds is said first.
		begun.catch(() => undefined);
		clearing = begun;
	};
	try {
		const options = { config, buildFiles: BUILD_FILES };
		const builtin = { name: "seal", request: sealRequest(options) } as const;
		const printed = await machine.guest.script(sealScript(options), { signal, onStdout, builtin });
		const { contents, others } = readContents(printed);
		requireClean(others);
		await (clearing ?? machine.useDisk(clearFreeBlocks));
		return contents;
	} finally {
		await clearing?.catch(() => undefined);
	}
}

/** So many lines of residue tell what is wrong. */
const SHOWN = 20;

/** Only the configuration changed: the last layer is there, no machine is. */
async function bootToSeal(key: Digest, { options, store }: StageContext): Promise<Running> {
	const layer = await store.layers.find(key);
	if (layer === undefined) throw new NodebuildError({ code: "STORE_INVALID", message: "the last layer vanished" });
	return startAt(layer, store, options);
}

function requireClean(printed: readonly string[]): void {
	const found = printed.filter((line) => line !== STILL && line !== LOOKED);
	if (found.length === 0 && !printed.includes(LOOKED))
		throw new NodebuildError({
			code: "SEAL_FAILED",
			message: "what is left on the sealed disk could not be looked for",
			hint: "the machine needs find(1), of findutils or BusyBox; did a step remove it?",
		});
	if (found.length === 0) return;
	throw new NodebuildError({
		code: "SEAL_FAILED",
		message: "the sealed disk still carries what belongs to the machine that built it",
		details: found.slice(0, SHOWN),
		hint: "a service may have written it while the image was sealed (stop and disable it in the last step), or it cannot be removed: a mount, or an attribute that chattr(1) set",
	});
}
