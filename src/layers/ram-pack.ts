/**
 * The content of a RAM file as a stream of frames: place (8 bytes, big-endian), length (4) and bytes of each piece that
 * holds anything. Half of a machine's memory is holes. The digest of a RAM file is that of its frames, and packed it is
 * those frames, compressed.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fsyncFile } from "../system/files.ts";
import { startFilter } from "../system/process.ts";

/** Bytes of a piece. */
const PIECE = 2 ** 20;
const NOTHING = Buffer.alloc(PIECE);
const HEAD = 12;

async function* framesOf(file: FileHandle): AsyncGenerator<Buffer> {
	for (let position = 0, bytesRead = 0; ; position += bytesRead) {
		const buffer = Buffer.allocUnsafe(PIECE);
		({ bytesRead } = await file.read(buffer, 0, PIECE, position));
		if (bytesRead === 0) return;
		const piece = buffer.subarray(0, bytesRead);
		if (piece.equals(NOTHING.subarray(0, bytesRead))) continue;
		const head = Buffer.alloc(HEAD);
		head.writeBigUInt64BE(BigInt(position));
		head.writeUInt32BE(bytesRead, 8);
		yield head;
		yield piece;
	}
}

/** sha256 over the frames of a file. */
export async function contentOf(file: FileHandle): Promise<string> {
	const hash = createHash("sha256");
	for await (const part of framesOf(file)) hash.update(part);
	return hash.digest("hex");
}

/**
 * Write a RAM file to `to`, packed; resolves with its digest once that is on disk.
 * @throws Error of the system, NodebuildError HOST_TOOL_MISSING, AbortError.
 */
export async function pack(file: FileHandle, to: string, signal: AbortSignal): Promise<string> {
	const hash = createHash("sha256");
	async function* hashed(): AsyncGenerator<Buffer> {
		for await (const part of framesOf(file)) {
			hash.update(part);
			yield part;
		}
	}
	// It is in no hurry, and the machine is. Level 1: a third of the size; what more would save takes three times as long.
	const packed = startFilter("nice", ["-n", "19", "gzip", "-1", "-n", "-c"], Readable.from(hashed()));
	await pipeline(packed, createWriteStream(to, { flags: "wx", mode: 0o600 }), { signal });
	await fsyncFile(to);
	return hash.digest("hex");
}

/**
 * The other way round, into a new file of `length` bytes; resolves with its digest.
 * @throws Error of the system or of zlib, and when it is cut short.
 */
export async function unpack(from: string, to: string, length: number): Promise<string> {
	const { createGunzip } = await import("node:zlib");
	const hash = createHash("sha256");
	await using file = await open(to, "wx", 0o600);
	let head = Buffer.alloc(0);
	let position = 0;
	let left = 0;
	const write = async (data: Buffer): Promise<void> => {
		hash.update(data);
		for (let at = 0; at < data.length; ) {
			const part = data.subarray(at, at + (left > 0 ? left : HEAD - head.length));
			at += part.length;
			if (left > 0) {
				await file.write(part, 0, part.length, position);
				position += part.length;
				left -= part.length;
				continue;
			}
			head = Buffer.concat([head, part]);
			if (head.length < HEAD) continue;
			position = Number(head.readBigUInt64BE());
			left = head.readUInt32BE(8);
			head = Buffer.alloc(0);
		}
	};
	await pipeline(createReadStream(from), createGunzip({ chunkSize: PIECE }), async (source: AsyncIterable<Buffer>) => {
		for await (const data of source) await write(data);
	});
	if (left > 0 || head.length > 0) throw new Error("it is cut short");
	await file.truncate(length);
	return hash.digest("hex");
}
