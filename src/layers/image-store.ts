/** Images of the store: sealed disks under the plan's key, and the names that mean them. */
import { type Digest, digestOf } from "../digest.ts";
import { diskUsage } from "../system/files.ts";
import { missingParent, place, readChain, readEntry, readWhole, stage, touch } from "./entries.ts";
import { imageNotFound, imageOf, listImages, lookUpImage, readImage } from "./image-lookup.ts";
import { type RemovedImage, removeImage } from "./image-remove.ts";
import { locked, type Marks } from "./marks.ts";
import type { StorePaths } from "./paths.ts";
import { parseReference, requireReference } from "./reference.ts";
import { readTag, readTags, writeTag } from "./tags.ts";
import type { Image, ImageRecord } from "./types.ts";
import { keepWritten, type WrittenFile, writtenFiles } from "./written-files.ts";

export type { RemovedImage } from "./image-remove.ts";

/** An image's record as its maker knows it; id and size are the store's to say. */
export type NewImage = Omit<ImageRecord, "id" | "size"> & Partial<Pick<ImageRecord, "id" | "size">>;

export interface ImageStore {
	/** The image of an unchanged build; marked as in use until the store is closed. */
	findByKey(key: Digest): Promise<Image | undefined>;
	/**
	 * Put a sealed overlay into the store and point `tags` (name[:tag]) to it; `file` is moved. An image of
	 * this key that is there already stays, and gets the tags.
	 * @throws NodebuildError HOST_DISK_FULL; STORE_INVALID when its layer is gone; USAGE for a malformed tag.
	 */
	add(record: NewImage, file: string, tags: readonly string[]): Promise<Image>;
	/** By name[:tag] or the first digits of the id; marked as in use. @throws NodebuildError USAGE when ambiguous. */
	find(nameOrId: string): Promise<Image | undefined>;
	/** By name[:tag] alone; marked as in use. */
	findNamed(name: string): Promise<Image | undefined>;
	/** As find. @throws NodebuildError IMAGE_NOT_FOUND with the nearest names. */
	get(nameOrId: string): Promise<Image>;
	/** As get, but marks nothing. */
	look(nameOrId: string): Promise<Image>;
	/** Keep that a build wrote this file of it; not kept: a file without a digest, and one of an image that is gone meanwhile. */
	wrote(image: Image, file: { readonly path: string; readonly sha256: string }): Promise<void>;
	/** Files that builds wrote of it and that are still what was written, newest last; marks nothing. */
	written(image: Image): Promise<readonly WrittenFile[]>;
	/** Newest first; marks nothing. */
	list(): Promise<readonly Image[]>;
	/** @throws NodebuildError IMAGE_NOT_FOUND, USAGE */
	tag(id: Digest, name: string): Promise<void>;
	/**
	 * Remove a name; with the last name, or given by its id, the image too. Its layers stay for later builds.
	 * @throws NodebuildError IMAGE_NOT_FOUND; IMAGE_IN_USE when something runs it, stands on it, or it has several
	 * names and was given by its id (`force` overrules all but what stands on it).
	 */
	remove(nameOrId: string, options?: { readonly force?: boolean }): Promise<RemovedImage>;
}

/** What an image's id is the digest of: its record without the id itself. */
function imageId(record: Omit<ImageRecord, "id">): Digest {
	return digestOf(record);
}

async function findByKey(paths: StorePaths, marks: Marks, key: Digest): Promise<Image | undefined> {
	if (readEntry(paths, "images", key) === undefined) return undefined;
	touch(paths, "images", key);
	return locked(paths, async () => {
		const chain = readChain(paths, "images", key);
		const [image] = chain;
		if (image?.kind !== "images") return undefined;
		await marks.add(chain);
		return imageOf(paths, image, readTags(paths));
	});
}

async function add(
	paths: StorePaths,
	marks: Marks,
	draft: NewImage,
	file: string,
	names: readonly string[],
): Promise<Image> {
	const references = names.map(requireReference);
	const parent = readWhole(paths, "layers", draft.layer);
	if (parent === undefined) throw missingParent("image", draft.layer);
	const { id: _id, ...sized } = { ...draft, size: diskUsage(file) };
	const record: ImageRecord = { ...sized, id: imageId(sized) };
	const { key } = record;
	const staging = { kind: "images", digest: key, file, record, parent, durable: true } as const;
	const staged = await stage(paths, staging);
	return locked(paths, async () => {
		await place(paths, staging, staged);
		const entry = readImage(paths, key);
		if (entry === undefined) throw missingParent("image", draft.layer);
		await marks.add(readChain(paths, "images", key));
		for (const one of references) await writeTag(paths, one, { version: 1, id: entry.record.id, key });
		return imageOf(paths, entry, readTags(paths));
	});
}

async function tag(paths: StorePaths, id: Digest, name: string): Promise<void> {
	const reference = requireReference(name);
	await locked(paths, async () => {
		const image = (await listImages(paths)).find((one) => one.id === id);
		if (image === undefined) throw await imageNotFound(paths, id);
		await writeTag(paths, reference, { version: 1, id, key: image.key });
	});
}

export function createImageStore(paths: StorePaths, marks: Marks): ImageStore {
	const find = async (text: string): Promise<Image | undefined> => {
		const found = await lookUpImage(paths, text);
		return found && findByKey(paths, marks, found.image.key);
	};
	return {
		findByKey: (key) => findByKey(paths, marks, key),
		add: (record, file, tags) => add(paths, marks, record, file, tags),
		find,
		async findNamed(text) {
			const reference = parseReference(text);
			const tag = reference && readTag(paths, reference);
			const image = tag && (await findByKey(paths, marks, tag.key));
			return image?.id === tag?.id ? image : undefined;
		},
		async get(text) {
			const found = await find(text);
			if (found === undefined) throw await imageNotFound(paths, text);
			return found;
		},
		async look(text) {
			const found = await lookUpImage(paths, text);
			if (found === undefined) throw await imageNotFound(paths, text);
			return found.image;
		},
		wrote: (image, file) =>
			locked(paths, async () => {
				if (readImage(paths, image.key)?.record.id === image.id) await keepWritten(paths, image, file);
			}),
		written: writtenFiles,
		list: () => listImages(paths),
		tag: (id, name) => tag(paths, id, name),
		remove: (text, options) => removeImage(paths, marks, text, options?.force === true),
	};
}
