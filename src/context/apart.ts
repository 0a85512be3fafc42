/**
 * Large files of a copy, for a disk: their contents lie behind the tar archive, which has them empty. The guest copies
 * them from the one disk to the other past its caches, which an emulated processor does ten times as fast as tar, and
 * which leaves nothing of them in the guest's memory.
 */
import { Readable } from "node:stream";
import { contentOf, PIECE } from "./content.ts";
import { join } from "./layout.ts";
import { sparseEntry } from "./sparse.ts";
import { inBlocks, tarOf } from "./stream.ts";
import type { CopyEntry, CopyLayout, ResolvedCopy } from "./types.ts";

/** Bytes from which a file is worth programs of its own in the guest. */
const LARGE = 4 * 1024 * 1024;
/** No disk asks for more, and no file system has larger blocks (open(2), "O_DIRECT"). */
const ALIGNMENT = 4096;
/** Bytes that are copied at a time; a last piece that is shorter would be written with a sync of its own (dd(1)). */
const PIECE_IN_GUEST = 1024 * 1024;
/** Bytes of their names, which all stand in one argument: less than half of what Linux takes (MAX_ARG_STRLEN, execve(2)). */
const NAMES = 50_000;
/** ... each with so many more. */
const LINE = 160;

export interface ApartFile {
	readonly entry: CopyEntry;
	/** As in the archive: without a leading slash. */
	readonly name: string;
	/** Seconds since the epoch. */
	readonly mtime: number;
}

/** Where a file's content lies on the disk, in bytes; `room` is its size, rounded up to whole pieces. */
export interface ApartContent extends ApartFile {
	readonly offset: number;
	readonly room: number;
}

/**
 * Files that only one entry of the copy writes. One with attributes is none of them, since the kernel drops
 * capabilities(7) from a file that is written to, and one with holes would lose them.
 * @throws NodebuildError COPY_FAILED when one cannot be read.
 */
export async function findApart({ sources }: ResolvedCopy, layout: CopyLayout): Promise<readonly ApartFile[]> {
	const files: ApartFile[] = [];
	const written = new Map<string, number>();
	for (const [index, { archive, entries }] of sources.entries()) {
		const target = layout.targets[index];
		if (archive !== undefined || target === undefined) continue;
		for (const entry of entries) {
			const name = join(target, entry.path).slice(1);
			written.set(name, (written.get(name) ?? 0) + 1);
			const plain = entry.type === "file" && entry.hardLink === undefined && entry.xattrs === undefined;
			if (plain && entry.content === undefined && entry.size >= LARGE)
				files.push({ entry, name, mtime: layout.mtime ?? entry.mtime });
		}
	}
	const apart: ApartFile[] = [];
	let names = 0;
	for (const file of files) {
		names += Buffer.byteLength(file.name.replaceAll("'", "four")) + LINE;
		if (names > NAMES) break;
		if (written.get(file.name) === 1 && (await sparseEntry(file.entry, file.name)) === undefined) apart.push(file);
	}
	return apart;
}

/** @returns the disk's bytes, and what `contents` tells once all of them have been read. */
export function copyWithApart(
	copy: ResolvedCopy,
	layout: CopyLayout,
	apart: readonly ApartFile[],
): { readonly stream: Readable; readonly contents: readonly ApartContent[] } {
	const contents: ApartContent[] = [];
	async function* all(): AsyncGenerator<Uint8Array> {
		let at = 0;
		for await (const piece of tarOf(copy, layout, new Set(apart.map(({ entry }) => entry)))) {
			at += piece.length;
			yield piece;
		}
		for (const file of apart) {
			yield* fill(at);
			const offset = roundUp(at);
			yield* contentOf(file.entry);
			at = offset + file.entry.size;
			contents.push({ ...file, offset, room: roundUp(file.entry.size, PIECE_IN_GUEST) });
		}
		// The last one's piece has to be there; the guest cuts off what is not the file's.
		yield Buffer.alloc(roundUp(at) - at + (apart.length === 0 ? 0 : PIECE_IN_GUEST));
	}
	return { stream: Readable.from(inBlocks(all()), { objectMode: false, highWaterMark: PIECE }), contents };
}

function* fill(at: number): Iterable<Uint8Array> {
	if (roundUp(at) > at) yield Buffer.alloc(roundUp(at) - at);
}

function roundUp(bytes: number, to = ALIGNMENT): number {
	return Math.ceil(bytes / to) * to;
}
