/**
 * Which files ADD unpacks: tar archives, plain or compressed, told by their content as in BuildKit
 * (solver/llbsolver/file/unpack.go). Unpacking is the guest's work.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { constants, gunzipSync } from "node:zlib";
import { run } from "../system/process.ts";
import { unreadable } from "./scan.ts";
import type { ArchiveCompression } from "./types.ts";

const BLOCK = 512;
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

/** A header whose checksum is right (unsigned, or signed as some old writers did it), as Go's archive/tar wants it. */
export function isTarHeader(block: Uint8Array): boolean {
	if (block.length < BLOCK) return false;
	const field = Buffer.from(block.subarray(148, 156)).toString("latin1");
	const match = /^[ \0]*([0-7]+)[ \0]*$/.exec(field);
	if (match === null) return false;
	const bytes = Array.from(block.subarray(0, BLOCK), (byte, i) => (i >= 148 && i < 156 ? 0x20 : byte));
	const unsigned = bytes.reduce((sum, byte) => sum + byte, 0);
	const signed = bytes.reduce((sum, byte) => sum + (byte > 127 ? byte - 256 : byte), 0);
	const expected = Number.parseInt(match[1] ?? "", 8);
	return expected === unsigned || expected === signed;
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
	const script = `"$1" -dc <"$2" 2>/dev/null | head -c ${BLOCK} | od -An -v -tx1`;
	const result = await run("sh", ["-c", script, "sh", tool.file, file]);
	return Buffer.from(result.stdout.replaceAll(/\s/g, ""), "hex");
}
