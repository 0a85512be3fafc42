/** What a platform asks for when an image is registered with it: `nodebuild inspect --catalog`. Pure. */
import type { Image } from "../layers/types.ts";
import type { WrittenFile } from "../layers/written-files.ts";

export interface CatalogEntry {
	/** First tag; the id's digits without one. */
	readonly name: string;
	readonly purpose: string;
	/** By component: "kubernetes". From the labels `io.nodebuild.version.<component>`. */
	readonly versions: Readonly<Record<string, string>>;
	/** Container images that are in it, by name: their digests. From lines "NAME DIGEST" of files called "images". */
	readonly images?: Readonly<Record<string, string>>;
	readonly architecture: string;
	/** Operating system's family: "debian". */
	readonly family: string;
	/** Bytes of the disk that machines get. */
	readonly diskSize: number;
	/** The file that is registered: the one that was named, or the last one that a build wrote. */
	readonly file?: WrittenFile;
	/** Kind of disk and network card that the image has drivers for. */
	readonly defaultInterface: string;
	readonly cloudInit: boolean;
	readonly created: string;
	readonly id: string;
}

const PREFIX = "io.nodebuild.";
const VERSION = `${PREFIX}version.`;

/** Labels say what the record does not: `io.nodebuild.purpose`, `.version.<component>`, `.interface`. */
export function catalogEntry(image: Image, file?: WrittenFile): CatalogEntry {
	const { labels } = image.config;
	const versions = Object.entries(labels).flatMap(([name, value]): [string, string][] =>
		name.startsWith(VERSION) ? [[name.slice(VERSION.length), value]] : [],
	);
	const images = Object.entries(image.contents ?? {})
		.filter(([name]) => name.endsWith("/images"))
		.flatMap(([, lines]) => lines.map((line) => line.split(" ")))
		.flatMap(([name, digest]): [string, string][] =>
			name !== undefined && digest !== undefined ? [[name, digest]] : [],
		);
	return {
		name: image.tags[0] ?? image.id.slice("sha256:".length, "sha256:".length + 12),
		purpose: labels[`${PREFIX}purpose`] ?? "",
		versions: Object.fromEntries(versions),
		...(images.length === 0 ? {} : { images: Object.fromEntries(images) }),
		architecture: image.architecture,
		family: image.family,
		diskSize: image.virtualSize,
		...(file === undefined ? {} : { file }),
		defaultInterface: labels[`${PREFIX}interface`] ?? "virtio",
		// Every base has it: a machine could not be built on without.
		cloudInit: true,
		created: image.created,
		id: image.id,
	};
}
