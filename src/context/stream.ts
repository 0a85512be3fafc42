/** A resolved copy as a tar stream (POSIX ustar, with pax headers where a name or number needs them). */
import { Readable } from "node:stream";
import type { Header, Pack } from "tar-stream";
import { contentOf, PIECE, readWhole } from "./content.ts";
import { join } from "./layout.ts";
import { sparseEntry } from "./sparse.ts";
import type { CopyEntry, CopyLayout, ResolvedCopy } from "./types.ts";

/** Files up to this are read in one go. */
const SMALL = 512 * 1024;
/** Pieces of the stream are at least this. */
const BLOCK = 128 * 1024;
type EntryHeader = Partial<Header> & Pick<Header, "name"> & { readonly pax?: Readonly<Record<string, string>> };

/** The largest id and time that tar-stream's fields of six and eleven octal digits hold. */
const MAX_OCTAL_ID = 0o777777;
const MAX_TIME = 0x7fffffff;
/** tar-stream takes a mode of 0 for none given; bits above the permissions are not written. */
const REGULAR = 0o100000;

/**
 * The entries of a copy as they have to lie in the guest, named from its root without a leading slash: for
 * `tar -x -C /`. The directories of `Placement.createdParents` are not in it, nor are archives that are to be unpacked:
 * their bytes go to the guest's own tar (see `contentStream`).
 * The stream fails with NodebuildError COPY_FAILED when a file is not the one that was digested any more.
 */
export function copyStream(copy: ResolvedCopy, layout: CopyLayout): Readable {
	return Readable.from(stream(copy, layout), { objectMode: false, highWaterMark: PIECE });
}

async function* stream(copy: ResolvedCopy, layout: CopyLayout): AsyncGenerator<Uint8Array> {
	// Loaded here: an unchanged build streams nothing.
	const archive = (await import("tar-stream")).default.pack({ highWaterMark: PIECE });
	// A failure ends the reading side below; when that side ends first, there is nobody left to tell.
	const feeding = feed(archive, copy, layout).catch((error: unknown) => archive.destroy(asError(error)));
	try {
		yield* inBlocks(archive);
	} finally {
		archive.destroy();
		await feeding;
	}
}

/** Headers, contents and padding of small files put together, so that each piece is worth a packet. */
async function* inBlocks(source: Pack): AsyncGenerator<Uint8Array> {
	let pieces: Uint8Array[] = [];
	let length = 0;
	for await (const piece of source as AsyncIterable<Uint8Array>) {
		pieces.push(piece);
		length += piece.length;
		if (length < BLOCK) continue;
		yield pieces.length === 1 ? piece : Buffer.concat(pieces);
		pieces = [];
		length = 0;
	}
	if (length > 0) yield Buffer.concat(pieces);
}

async function feed(archive: Pack, copy: ResolvedCopy, layout: CopyLayout): Promise<void> {
	for (const [i, source] of copy.sources.entries()) {
		if (source.archive !== undefined) continue;
		const target = layout.targets[i];
		if (target === undefined) throw new Error(`no target for source ${source.name}`);
		for (const entry of source.entries) await add(archive, entry, target, layout);
	}
	archive.finalize();
}

async function add(archive: Pack, entry: CopyEntry, target: string, layout: CopyLayout): Promise<void> {
	const header = headerOf(entry, target, layout);
	if (entry.type !== "file" || entry.hardLink !== undefined) return addWhole(archive, header);
	if (entry.content !== undefined) return addWhole(archive, header, Buffer.from(entry.content));
	if (entry.size <= SMALL) return addWhole(archive, header, readWhole(entry));
	const sparse = await sparseEntry(entry, header.name);
	if (sparse === undefined) return addLarge(archive, header, contentOf(entry));
	const { pax, size } = sparse;
	return addLarge(archive, { ...header, size, pax: { ...header.pax, ...pax } }, sparse.pieces());
}

function headerOf(entry: CopyEntry, target: string, layout: CopyLayout): EntryHeader {
	const isFile = entry.type === "file" && entry.hardLink === undefined;
	const mtime = layout.mtime ?? entry.mtime;
	const mode = entry.type === "symlink" ? 0o777 : (layout.mode?.(entry.mode, entry.type === "directory") ?? entry.mode);
	const linkname = entry.hardLink === undefined ? entry.linkTarget : join(target, entry.hardLink).slice(1);
	const pax = {
		...(layout.uid > MAX_OCTAL_ID ? { uid: String(layout.uid) } : {}),
		...(layout.gid > MAX_OCTAL_ID ? { gid: String(layout.gid) } : {}),
		...(mtime < 0 || mtime > MAX_TIME ? { mtime: String(mtime) } : {}),
	};
	return {
		name: join(target, entry.path).slice(1),
		type: entry.hardLink === undefined ? entry.type : "link",
		mode: REGULAR | mode,
		uid: Math.min(layout.uid, MAX_OCTAL_ID),
		gid: Math.min(layout.gid, MAX_OCTAL_ID),
		size: isFile ? entry.size : 0,
		mtime: new Date(Math.min(Math.max(mtime, 0), MAX_TIME) * 1000),
		...(linkname === undefined ? {} : { linkname }),
		...(Object.keys(pax).length === 0 ? {} : { pax }),
	};
}

function addWhole(archive: Pack, header: EntryHeader, content?: Buffer): Promise<void> {
	return new Promise((resolve, reject) => {
		const done = (error?: Error | null): void => (error ? reject(error) : resolve());
		if (content === undefined) archive.entry(header, done);
		else archive.entry(header, content, done);
	});
}

async function addLarge(archive: Pack, header: EntryHeader, content: AsyncIterable<Uint8Array>): Promise<void> {
	let finished: (error?: Error | null) => void = () => undefined;
	const done = new Promise((resolve, reject) => {
		finished = (error) => (error ? reject(error) : resolve(undefined));
	});
	// Rejected while a write is awaited, it must not count as unhandled.
	done.catch(() => undefined);
	const sink = archive.entry(header, (error) => finished(error));
	sink.on("error", (error) => finished(error));
	for await (const piece of content) {
		if (sink.write(piece)) continue;
		await Promise.race([new Promise<void>((resolve) => sink.once("drain", () => resolve())), done]);
	}
	sink.end(undefined);
	await done;
}

function asError(error: unknown): Error {
	return error instanceof Error ? error : new Error(String(error));
}
