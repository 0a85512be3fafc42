/** Looking images up: by key, by name, by id; marks nothing. */
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { readAll, readWhole } from "./entries.ts";
import type { StorePaths } from "./paths.ts";
import type { Entry } from "./records.ts";
import { didYouMean, formatReference, parseReference, type Reference } from "./reference.ts";
import { readTag, readTags, type Tagged } from "./tags.ts";
import type { Image } from "./types.ts";

export type ImageEntry = Extract<Entry, { kind: "images" }>;

/** The image under a key, if it can be used. */
export function readImage(paths: StorePaths, key: Digest): ImageEntry | undefined {
	const entry = readWhole(paths, "images", key);
	return entry?.kind === "images" ? entry : undefined;
}

export function imageOf(paths: StorePaths, { digest, record }: ImageEntry, tags: readonly Tagged[]): Image {
	const { instance: _i, parentInstance: _p, diskLength: _l, ...rest } = record;
	const own = tags.filter(({ record: { id } }) => id === rest.id);
	return {
		...rest,
		disk: paths.disk("images", digest),
		tags: own.map(({ reference }) => formatReference(reference)),
	};
}

/** Newest first. */
export async function listImages(paths: StorePaths): Promise<readonly Image[]> {
	const tags = readTags(paths);
	const all = readAll(paths, "images");
	return all
		.map(({ entry }) => entry && readImage(paths, entry.digest))
		.filter((entry) => entry !== undefined)
		.map((entry) => imageOf(paths, entry, tags))
		.sort((a, b) => b.created.localeCompare(a.created));
}

/** By name[:tag], or by the first digits of the id, as few as tell it apart; the reference only when that is how it was found. */
export async function lookUpImage(
	paths: StorePaths,
	text: string,
): Promise<{ image: Image; reference?: Reference } | undefined> {
	const reference = parseReference(text);
	const tag = reference && readTag(paths, reference);
	const tagged = tag && readImage(paths, tag.key);
	if (reference !== undefined && tagged?.record.id === tag?.id && tagged !== undefined) {
		return { image: imageOf(paths, tagged, readTags(paths)), reference };
	}
	const digits = text.replace(/^sha256:/, "");
	if (!/^[0-9a-f]+$/.test(digits)) return undefined;
	const [image, ...more] = (await listImages(paths)).filter(({ id }) => id.startsWith(`sha256:${digits}`));
	if (more.length > 0) {
		throw new NodebuildError({
			code: "USAGE",
			message: `expected one image, got ${more.length + 1} whose ids begin with "${digits}"`,
			hint: "give more digits of the id",
		});
	}
	return image && { image };
}

export async function imageNotFound(paths: StorePaths, text: string): Promise<NodebuildError> {
	const names = readTags(paths).map(({ reference }) => formatReference(reference));
	const short = [...names, ...names.map((name) => name.replace(/:latest$/, ""))];
	return new NodebuildError({
		code: "IMAGE_NOT_FOUND",
		message: `there is no image "${text}"`,
		hint: didYouMean(text, [...new Set(short)]) ?? '"nodebuild images" lists the images of this store',
	});
}
