/** A resolved copy as a tar stream. */
import { Readable } from "node:stream";
import { contentOf, PIECE, readWhole } from "./content.ts";
import { join } from "./layout.ts";
import { sparseEntry } from "./sparse.ts";
import { padding, TAR_END, type TarEntry, tarHead } from "./tar.ts";
import type { CopyEntry, CopyLayout, ResolvedCopy } from "./types.ts";

/** Files up to this are read in one go. */
const SMALL = 512 * 1024;
/** Pieces of the stream are at least this. */
const BLOCK = 128 * 1024;

/**
 * The entries of a copy as they have to lie in the guest, named from its root without a leading slash: for
 * `tar -x -C /`. The directories of `Placement.createdParents` and those that are only `passage` are not in it, nor are
 * archives that are to be unpacked (see `archiveStream`).
 * The stream fails with NodebuildError COPY_FAILED when a file is not the one that was digested any more.
 */
export function copyStream(copy: ResolvedCopy, layout: CopyLayout): Readable {
	return Readable.from(inBlocks(tarOf(copy, layout)), { objectMode: false, highWaterMark: PIECE });
}

/** Headers, contents and padding of small files put together, so that each piece is worth a packet. */
export async function* inBlocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	let kept: Uint8Array[] = [];
	let length = 0;
	for await (const piece of source) {
		kept.push(piece);
		length += piece.length;
		if (length < BLOCK) continue;
		yield kept.length === 1 ? piece : Buffer.concat(kept);
		kept = [];
		length = 0;
	}
	if (length > 0) yield Buffer.concat(kept);
}

/** @param empty files whose content is not in the archive. */
export async function* tarOf(
	copy: ResolvedCopy,
	layout: CopyLayout,
	empty: ReadonlySet<CopyEntry> = new Set(),
): AsyncGenerator<Uint8Array> {
	for (const [i, source] of copy.sources.entries()) {
		if (source.archive !== undefined) continue;
		const target = layout.targets[i];
		if (target === undefined) throw new Error(`no target for source ${source.name}`);
		for (const entry of source.entries) {
			if (entry.passage === true) continue;
			const head = headOf(entry, target, layout);
			if (empty.has(entry)) yield tarHead({ ...head, size: 0 });
			else yield* member(entry, head);
		}
	}
	yield TAR_END;
}

async function* member(entry: CopyEntry, head: TarEntry): AsyncGenerator<Uint8Array> {
	const sparse = head.size > SMALL && entry.content === undefined ? await sparseEntry(entry, head.name) : undefined;
	const { size } = sparse ?? head;
	yield tarHead(sparse === undefined ? head : { ...head, size, pax: sparse.pax });
	if (size === 0) return;
	if (sparse !== undefined) yield* sparse.pieces();
	else if (entry.content !== undefined) yield entry.content;
	else if (size <= SMALL) yield readWhole(entry);
	else yield* contentOf(entry);
	yield padding(size);
}

function headOf(entry: CopyEntry, target: string, layout: CopyLayout): TarEntry {
	const isFile = entry.type === "file" && entry.hardLink === undefined;
	const mode = entry.type === "symlink" ? 0o777 : (layout.mode?.(entry.mode, entry.type === "directory") ?? entry.mode);
	const linkname = entry.hardLink === undefined ? entry.linkTarget : join(target, entry.hardLink).slice(1);
	return {
		name: join(target, entry.path).slice(1),
		type: entry.hardLink === undefined ? entry.type : "link",
		mode,
		uid: layout.uid,
		gid: layout.gid,
		size: isFile ? entry.size : 0,
		mtime: layout.mtime ?? entry.mtime,
		...(linkname === undefined ? {} : { linkname }),
		...(entry.xattrs === undefined || entry.hardLink !== undefined ? {} : { xattrs: entry.xattrs }),
	};
}
