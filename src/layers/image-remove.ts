/** Removing images and their names. */
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { discard, readAll, takeAway } from "./entries.ts";
import { imageNotFound, lookUpImage } from "./image-lookup.ts";
import { locked, type Marks, markId } from "./marks.ts";
import type { StorePaths } from "./paths.ts";
import { formatReference, requireReference } from "./reference.ts";
import { removeTag } from "./tags.ts";
import type { Image } from "./types.ts";

export interface RemovedImage {
	/** `name:tag` of the tags that are gone. */
	readonly untagged: readonly string[];
	/** The image's id when its disk is gone too. */
	readonly deleted?: Digest;
	/** Bytes on disk. */
	readonly freed: number;
}

function inUse(image: Image, why: string, hint: string): NodebuildError {
	const name = image.tags[0] ?? image.id;
	return new NodebuildError({ code: "IMAGE_IN_USE", message: `the image ${name} ${why}`, hint });
}

async function requireUnused(paths: StorePaths, marks: Marks, image: Image, force: boolean): Promise<void> {
	for (const { entry } of readAll(paths, "layers")) {
		if (entry?.kind !== "layers" || entry.record.parent !== undefined || entry.record.base !== image.key) continue;
		throw inUse(image, "is the base of other layers", "remove the images built from it, then nodebuild prune");
	}
	if (!force && (await marks.others()).has(markId("images", image.key))) {
		throw inUse(image, "is in use by a running process", "wait for it to end, or remove with --force");
	}
}

/** See ImageStore.remove. */
export async function removeImage(
	paths: StorePaths,
	marks: Marks,
	text: string,
	force: boolean,
): Promise<RemovedImage> {
	const { grave, ...removed } = await locked(paths, async () => {
		const found = await lookUpImage(paths, text);
		if (found === undefined) throw await imageNotFound(paths, text);
		const { image, reference } = found;
		const untag = reference === undefined ? image.tags : [formatReference(reference)];
		if (reference === undefined && image.tags.length > 1 && !force) {
			throw inUse(image, `has several names: ${image.tags.join(", ")}`, "remove them by name, or use --force");
		}
		const last = untag.length === image.tags.length;
		if (last) await requireUnused(paths, marks, image, force);
		for (const one of untag) await removeTag(paths, requireReference(one));
		if (!last) return { untagged: untag, freed: 0 };
		const grave = await takeAway(paths, paths.entry("images", image.key));
		return { untagged: untag, deleted: image.id, freed: image.size, grave };
	});
	await discard(grave);
	return removed;
}
