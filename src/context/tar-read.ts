/** Tar archives member by member, with the bytes that they are made of: ustar, pax and GNU's extensions. */
import { NodebuildError } from "../errors.ts";
import { cleanPath } from "./match.ts";
import { TAR_BLOCK } from "./tar.ts";

export interface TarMember {
	/** Cleaned, without a leading slash; "." for the root. */
	readonly name: string;
	readonly type: "file" | "directory" | "symlink" | "link" | "other";
	/** As written. */
	readonly linkname: string;
	/** The name began with a slash. */
	readonly absolute: boolean;
	/** Bytes of content, padding included. */
	readonly size: number;
	/** Every block that stands before the content. */
	readonly head: Buffer;
}

export type TarPart =
	| { readonly kind: "member"; readonly member: TarMember }
	| { readonly kind: "data"; readonly bytes: Uint8Array };

/** Entries that say something of the one that follows, or of all that follow. */
const META = "xgLKX";
/** A record of names and attributes is small; what is larger is no archive. */
const META_LIMIT = 16 << 20;

/** @throws NodebuildError COPY_FAILED for what is no archive any more. */
export async function* readTar(stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<TarPart> {
	const reader = new Reader(stream);
	for (;;) {
		const member = await readMember(reader, name);
		if (member === undefined) return;
		yield { kind: "member", member };
		for (let left = member.size; left > 0; ) {
			const bytes = await reader.some(left);
			if (bytes === undefined) throw broken(name, "it ends within a file");
			left -= bytes.length;
			yield { kind: "data", bytes };
		}
	}
}

interface Overrides {
	path?: string;
	linkpath?: string;
	size?: number;
}

async function readMember(reader: Reader, name: string): Promise<TarMember | undefined> {
	const blocks: Buffer[] = [];
	const overrides: Overrides = {};
	for (;;) {
		const header = await reader.exactly(TAR_BLOCK);
		if (header === undefined || header.every((byte) => byte === 0)) return undefined;
		if (!isTarHeader(header)) throw broken(name, "the checksum of a header is wrong");
		blocks.push(header);
		const typeflag = String.fromCharCode(header[156] ?? 0);
		const size = numberAt(header, 124, 12);
		if (!META.includes(typeflag)) {
			if (typeflag === "S") await readSparse(reader, header, blocks, name);
			return memberOf(header, typeflag, overrides, blocks);
		}
		if (size > META_LIMIT) throw broken(name, "a record is too large");
		const content = await reader.exactly(padded(size));
		if (content === undefined) throw broken(name, "it ends within a record");
		blocks.push(content);
		const value = content.subarray(0, size);
		if (typeflag === "L") overrides.path = textOf(value);
		else if (typeflag === "K") overrides.linkpath = textOf(value);
		else if (typeflag !== "g") readPax(value, overrides);
	}
}

/** GNU's old sparse files: the map goes on in further blocks while a byte says so. */
async function readSparse(reader: Reader, header: Buffer, blocks: Buffer[], name: string): Promise<void> {
	for (let more = header[482] === 1; more; ) {
		const block = await reader.exactly(TAR_BLOCK);
		if (block === undefined) throw broken(name, "it ends within a sparse file's map");
		blocks.push(block);
		more = block[504] === 1;
	}
}

const TYPES: Readonly<Record<string, TarMember["type"]>> = {
	"0": "file",
	"\0": "file",
	"7": "file",
	S: "file",
	"1": "link",
	"2": "symlink",
	"5": "directory",
	D: "directory",
};

function memberOf(header: Buffer, typeflag: string, overrides: Overrides, blocks: readonly Buffer[]): TarMember {
	const isUstar = header.toString("latin1", 257, 263) === "ustar\0";
	const prefix = isUstar ? textOf(header.subarray(345, 500)) : "";
	const short = textOf(header.subarray(0, 100));
	const path = overrides.path ?? (prefix === "" ? short : `${prefix}/${short}`);
	const type = TYPES[typeflag] ?? "other";
	const size = overrides.size ?? numberAt(header, 124, 12);
	return {
		name: cleanPath(path.replace(/^\/+/, "")),
		absolute: path.startsWith("/"),
		type: type === "file" && path.endsWith("/") ? "directory" : type,
		linkname: overrides.linkpath ?? textOf(header.subarray(157, 257)),
		// Links and devices have no content, whatever their size says; so Go and GNU tar read them.
		size: "123456".includes(typeflag) ? 0 : padded(size),
		head: Buffer.concat(blocks),
	};
}

function readPax(records: Buffer, overrides: Overrides): void {
	for (let at = 0; at < records.length; ) {
		const space = records.indexOf(0x20, at);
		const length = space < 0 ? Number.NaN : Number(records.toString("latin1", at, space));
		if (!(length > 0)) return;
		const record = records.toString("utf8", space + 1, at + length - 1);
		const equals = record.indexOf("=");
		const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
		if (key === "path" || key === "GNU.sparse.name") overrides.path = value;
		else if (key === "linkpath") overrides.linkpath = value;
		else if (key === "size") overrides.size = Number(value);
		at += length;
	}
}

function textOf(bytes: Buffer): string {
	const end = bytes.indexOf(0);
	return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

/** Octal, or big-endian binary where the first bit is set. */
function numberAt(header: Buffer, at: number, length: number): number {
	const first = header[at] ?? 0;
	if ((first & 0x80) === 0) return Number.parseInt(textOf(header.subarray(at, at + length)).trim() || "0", 8) || 0;
	return header.subarray(at + 1, at + length).reduce((sum, byte) => sum * 256 + byte, first & 0x7f);
}

function padded(size: number): number {
	return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}

/** A header whose checksum is right (unsigned, or signed as some old writers did it), as Go's archive/tar wants it. */
export function isTarHeader(block: Uint8Array): boolean {
	if (block.length < TAR_BLOCK) return false;
	const field = Buffer.from(block.subarray(148, 156)).toString("latin1");
	const match = /^[ \0]*([0-7]+)[ \0]*$/.exec(field);
	if (match === null) return false;
	let unsigned = 0;
	let signed = 0;
	for (let i = 0; i < TAR_BLOCK; i++) {
		const byte = i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
		unsigned += byte;
		signed += byte > 127 ? byte - 256 : byte;
	}
	const expected = Number.parseInt(match[1] ?? "", 8);
	return expected === unsigned || expected === signed;
}

function broken(name: string, why: string): NodebuildError {
	return new NodebuildError({
		code: "COPY_FAILED",
		message: `the archive ${name} cannot be read: ${why}`,
		hint: "look at it with tar -tvf; ADD --unpack=false copies it as it is",
	});
}

/** Bytes by number, from pieces of any size. */
class Reader {
	readonly #source: AsyncIterator<Uint8Array>;
	#rest: Uint8Array = new Uint8Array();

	constructor(stream: AsyncIterable<Uint8Array>) {
		this.#source = stream[Symbol.asyncIterator]();
	}

	/** At most `limit` bytes, at least one; undefined at the end. */
	async some(limit: number): Promise<Uint8Array | undefined> {
		while (this.#rest.length === 0) {
			const next = await this.#source.next();
			if (next.done === true) return undefined;
			this.#rest = next.value;
		}
		const bytes = this.#rest.subarray(0, limit);
		this.#rest = this.#rest.subarray(bytes.length);
		return bytes;
	}

	/** Undefined when fewer are left. */
	async exactly(length: number): Promise<Buffer | undefined> {
		const pieces: Uint8Array[] = [];
		for (let left = length; left > 0; ) {
			const bytes = await this.some(left);
			if (bytes === undefined) return undefined;
			pieces.push(bytes);
			left -= bytes.length;
		}
		return Buffer.concat(pieces);
	}
}
