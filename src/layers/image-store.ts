/** Images of the store: sealed disks under the plan's key, and the names that mean them. */
import { type Digest, digestOf } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { diskUsage } from "../system/files.ts";
import {
	discard,
	missingParent,
	place,
	readAll,
	readChain,
	readEntry,
	readWhole,
	stage,
	takeAway,
	touch,
} from "./entries.ts";
import { locked, type Marks, markId } from "./marks.ts";
import type { StorePaths } from "./paths.ts";
import type { Entry } from "./records.ts";
import { didYouMean, formatReference, parseReference, type Reference, requireReference } from "./reference.ts";
import { readTag, readTags, removeTag, type Tagged, writeTag } from "./tags.ts";
import type { Image, ImageRecord } from "./types.ts";

/** An image's record as its maker knows it; id and size are the store's to say. */
export type NewImage = Omit<ImageRecord, "id" | "size"> & Partial<Pick<ImageRecord, "id" | "size">>;

export interface RemovedImage {
	/** `name:tag` of the tags that are gone. */
	readonly untagged: readonly string[];
	/** The image's id when its disk is gone too. */
	readonly deleted?: Digest;
	/** Bytes on disk. */
	readonly freed: number;
}

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
	/** As find. @throws NodebuildError IMAGE_NOT_FOUND with the nearest names. */
	get(nameOrId: string): Promise<Image>;
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

type ImageEntry = Extract<Entry, { kind: "images" }>;

/** Fewer digits than these are taken for a name only. */
const SHORTEST_ID = 4;

/** What an image's id is the digest of: its record without the id itself. */
function imageId(record: Omit<ImageRecord, "id">): Digest {
	return digestOf(record);
}

export function createImageStore(paths: StorePaths, marks: Marks): ImageStore {
	const read = (key: Digest): ImageEntry | undefined => {
		const entry = readWhole(paths, "images", key);
		return entry?.kind === "images" ? entry : undefined;
	};

	const imageOf = ({ digest, record }: ImageEntry, tags: readonly Tagged[]): Image => {
		const { instance: _i, parentInstance: _p, ...rest } = record;
		const own = tags.filter(({ record: { id } }) => id === rest.id);
		return {
			...rest,
			disk: paths.disk("images", digest),
			tags: own.map(({ reference }) => formatReference(reference)),
		};
	};

	const findByKey = async (key: Digest): Promise<Image | undefined> => {
		if (readEntry(paths, "images", key) === undefined) return undefined;
		await touch(paths, "images", key);
		return locked(paths, async () => {
			const chain = readChain(paths, "images", key);
			const [image] = chain;
			if (image?.kind !== "images") return undefined;
			await marks.add(chain);
			return imageOf(image, await readTags(paths));
		});
	};

	const list = async (): Promise<readonly Image[]> => {
		const tags = await readTags(paths);
		const all = await readAll(paths, "images");
		return all
			.map(({ entry }) => entry && read(entry.digest))
			.filter((entry) => entry !== undefined)
			.map((entry) => imageOf(entry, tags))
			.sort((a, b) => b.created.localeCompare(a.created));
	};

	/** Without a mark; the reference only when that is how it was found. */
	const lookUp = async (text: string): Promise<{ image: Image; reference?: Reference } | undefined> => {
		const reference = parseReference(text);
		const tag = reference && (await readTag(paths, reference));
		const tagged = tag && read(tag.key);
		if (reference !== undefined && tagged?.record.id === tag?.id && tagged !== undefined) {
			return { image: imageOf(tagged, await readTags(paths)), reference };
		}
		const digits = text.replace(/^sha256:/, "");
		if (!/^[0-9a-f]+$/.test(digits) || digits.length < SHORTEST_ID) return undefined;
		const [image, ...more] = (await list()).filter(({ id }) => id.startsWith(`sha256:${digits}`));
		if (more.length > 0) {
			throw new NodebuildError({
				code: "USAGE",
				message: `expected one image, got ${more.length + 1} whose ids begin with "${digits}"`,
				hint: "give more digits of the id",
			});
		}
		return image && { image };
	};

	const notFound = async (text: string): Promise<NodebuildError> => {
		const names = (await readTags(paths)).map(({ reference }) => formatReference(reference));
		const short = [...names, ...names.map((name) => name.replace(/:latest$/, ""))];
		return new NodebuildError({
			code: "IMAGE_NOT_FOUND",
			message: `there is no image "${text}"`,
			hint: didYouMean(text, [...new Set(short)]) ?? '"nodebuild images" lists the images of this store',
		});
	};

	const find = async (text: string): Promise<Image | undefined> => {
		const found = await lookUp(text);
		return found && findByKey(found.image.key);
	};

	const get = async (text: string): Promise<Image> => {
		const found = await find(text);
		if (found === undefined) throw await notFound(text);
		return found;
	};

	const add = async (draft: NewImage, file: string, names: readonly string[]): Promise<Image> => {
		const references = names.map(requireReference);
		const parent = readWhole(paths, "layers", draft.layer);
		if (parent === undefined) throw missingParent("image", draft.layer);
		const { id: _id, ...sized } = { ...draft, size: await diskUsage(file) };
		const record: ImageRecord = { ...sized, id: imageId(sized) };
		const { key } = record;
		const staging = { kind: "images", digest: key, file, record, parent, durable: true } as const;
		const staged = await stage(paths, staging);
		return locked(paths, async () => {
			await place(paths, staging, staged);
			const entry = read(key);
			if (entry === undefined) throw missingParent("image", draft.layer);
			await marks.add(readChain(paths, "images", key));
			for (const one of references) await writeTag(paths, one, { version: 1, id: entry.record.id, key });
			return imageOf(entry, await readTags(paths));
		});
	};

	const tag = async (id: Digest, name: string): Promise<void> => {
		const reference = requireReference(name);
		await locked(paths, async () => {
			const image = (await list()).find((one) => one.id === id);
			if (image === undefined) throw await notFound(id);
			await writeTag(paths, reference, { version: 1, id, key: image.key });
		});
	};

	const inUse = (image: Image, why: string, hint: string): NodebuildError =>
		new NodebuildError({ code: "IMAGE_IN_USE", message: `the image ${image.tags[0] ?? image.id} ${why}`, hint });

	const requireUnused = async (image: Image, force: boolean): Promise<void> => {
		for (const { entry } of await readAll(paths, "layers")) {
			if (entry?.kind !== "layers" || entry.record.parent !== undefined || entry.record.base !== image.key) continue;
			throw inUse(image, "is the base of other layers", "remove the images built from it, then nodebuild prune");
		}
		if (!force && (await marks.others()).has(markId("images", image.key))) {
			throw inUse(image, "is in use by a running process", "wait for it to end, or remove with --force");
		}
	};

	const remove = async (text: string, options: { readonly force?: boolean } = {}): Promise<RemovedImage> => {
		const force = options.force === true;
		const { grave, ...removed } = await locked(paths, async () => {
			const found = await lookUp(text);
			if (found === undefined) throw await notFound(text);
			const { image, reference } = found;
			const untag = reference === undefined ? image.tags : [formatReference(reference)];
			if (reference === undefined && image.tags.length > 1 && !force) {
				throw inUse(image, `has several names: ${image.tags.join(", ")}`, "remove them by name, or use --force");
			}
			const last = untag.length === image.tags.length;
			if (last) await requireUnused(image, force);
			for (const one of untag) await removeTag(paths, requireReference(one));
			if (!last) return { untagged: untag, freed: 0 };
			const grave = await takeAway(paths, paths.entry("images", image.key));
			return { untagged: untag, deleted: image.id, freed: image.size, grave };
		});
		await discard(grave);
		return removed;
	};

	return { findByKey, add, find, get, list, tag, remove };
}
