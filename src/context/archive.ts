/**
 * Which files ADD unpacks: tar archives, plain or compressed, told by their content as in BuildKit
 * (solver/llbsolver/file/unpack.go). The host decompresses them, so the guest needs no more than tar.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { constants, createGunzip, gunzipSync } from "node:zlib";
import { messageOf, NodebuildError } from "../errors.ts";
import { run, startFilter } from "../system/process.ts";
import { contentStream } from "./content.ts";
import { unreadable } from "./scan.ts";
import { TAR_BLOCK } from "./tar.ts";
import { isTarHeader } from "./tar-read.ts";
import type { ArchiveCompression, CopySource } from "./types.ts";

/** Enough compressed bytes for the first block of any archive. */
const HEAD = 64 * 1024;

/** Compressions by their first bytes, and the program that undoes them where node does not. */
const COMPRESSIONS = [
	{ name: "gzip", magic: [0x1f, 0x8b, 0x08], tool: undefined },
	{ name: "bzip2", magic: [0x42, 0x5a, 0x68], tool: { file: "bzip2", package: "bzip2" } },
	{ name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], tool: { file: "xz", package: "xz-utils" } },
	{ name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], tool: { file: "zstd", package: "zstd" } },
] as const;

type Compression = (typeof COMPRESSIONS)[number];

/**
 * What ADD makes of a file; undefined: it is no archive and is copied as it is.
 * @param file absolute host path; `name` is how errors call it.
 * @throws NodebuildError HOST_TOOL_MISSING when the program to look into it is not installed, CONTEXT_INVALID when it
 * cannot be read.
 */
export async function archiveKind(file: string, name: string): Promise<ArchiveCompression | undefined> {
	const head = readHead(file, name);
	const compression = COMPRESSIONS.find(({ magic }) => magic.every((byte, i) => head[i] === byte));
	if (compression === undefined) return isTarHeader(head) ? "none" : undefined;
	const block = compression.tool === undefined ? gunzipHead(head) : await decompressHead(compression.tool, file);
	return isTarHeader(block) ? compression.name : undefined;
}

/** The archive of a source, decompressed. It fails with NodebuildError COPY_FAILED when that cannot be done. */
export async function* archiveStream(source: CopySource): AsyncGenerator<Uint8Array> {
	const [entry] = source.entries;
	if (entry === undefined || source.archive === undefined) throw new Error(`${source.name} is no archive`);
	try {
		yield* decompressed(contentStream(entry), source.archive);
	} catch (error) {
		if (error instanceof NodebuildError) throw error;
		throw new NodebuildError({
			code: "COPY_FAILED",
			message: `the archive ${source.name} cannot be decompressed: ${messageOf(error)}`,
			hint: `test it with ${source.archive === "none" ? "tar -t" : `${source.archive} -t`}; ADD --unpack=false copies it as it is`,
			cause: error,
		});
	}
}

function decompressed(content: Readable, compression: ArchiveCompression): AsyncIterable<Uint8Array> {
	if (compression === "none") return content;
	const tool = COMPRESSIONS.find(({ name }) => name === compression)?.tool;
	if (tool !== undefined) return startFilter(tool.file, ["-dc"], content, { package: tool.package });
	const gunzip = createGunzip();
	// What fails is told by the stream that is read.
	pipeline(content, gunzip, () => undefined);
	return gunzip;
}

function readHead(file: string, name: string): Buffer {
	try {
		const fd = openSync(file, "r");
		try {
			const buffer = Buffer.alloc(HEAD);
			return buffer.subarray(0, readSync(fd, buffer, 0, HEAD, 0));
		} finally {
			closeSync(fd);
		}
	} catch (error) {
		throw unreadable(name, "read", error);
	}
}

function gunzipHead(head: Buffer): Uint8Array {
	try {
		return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
	} catch {
		// Only the magic bytes looked like gzip: nothing to unpack.
		return new Uint8Array();
	}
}

async function decompressHead(tool: NonNullable<Compression["tool"]>, file: string): Promise<Uint8Array> {
	await run(tool.file, ["--version"], { package: tool.package });
	// The pipe to head and od bounds what is decompressed, and brings the bytes over as text.
	const script = `"$1" -dc <"$2" 2>/dev/null | head -c ${TAR_BLOCK} | od -An -v -tx1`;
	const result = await run("sh", ["-c", script, "sh", tool.file, file]);
	return Buffer.from(result.stdout.replaceAll(/\s/g, ""), "hex");
}
