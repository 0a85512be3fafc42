/**
 * Heads of tar entries: POSIX ustar, with pax records where a name, number or attribute needs them. Our own, because
 * extended attributes are bytes, and packages write pax records as text. Pure.
 */
import type { EntryType } from "./types.ts";

export interface TarEntry {
	/** Without a leading or trailing slash. */
	readonly name: string;
	readonly type: EntryType | "link";
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Bytes of content that follow. */
	readonly size: number;
	/** Seconds since the epoch. */
	readonly mtime: number;
	/** Target of a symlink; of a hard link, the name of another entry. */
	readonly linkname?: string;
	/** Base64, by name. */
	readonly xattrs?: Readonly<Record<string, string>>;
	/** Further pax records. */
	readonly pax?: Readonly<Record<string, string>>;
}

export const TAR_BLOCK = 512;
/** Two empty blocks end an archive. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK);

const TYPEFLAGS = { file: "0", link: "1", symlink: "2", directory: "5", fifo: "6" } as const;
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;
const MAX_TIME = 0o77777777777;

/** All blocks that stand before an entry's content. */
export function tarHead(entry: TarEntry): Buffer {
	const { name } = entry;
	const split = splitName(name);
	const linkname = entry.linkname ?? "";
	const records: Buffer[] = [];
	const add = (key: string, value: string | Buffer): void => void records.push(paxRecord(key, value));
	if (split === undefined) add("path", name);
	if (!fits(linkname, 100)) add("linkpath", linkname);
	if (entry.uid > MAX_ID) add("uid", String(entry.uid));
	if (entry.gid > MAX_ID) add("gid", String(entry.gid));
	if (entry.size > MAX_SIZE) add("size", String(entry.size));
	if (entry.mtime < 0 || entry.mtime > MAX_TIME) add("mtime", String(entry.mtime));
	for (const [key, value] of Object.entries(entry.pax ?? {})) add(key, value);
	for (const [key, value] of Object.entries(entry.xattrs ?? {}))
		add(`SCHILY.xattr.${key}`, Buffer.from(value, "base64"));
	const fields = {
		prefix: split?.prefix ?? "",
		// A reader that knows pax takes the name from the records.
		name: split?.name ?? "long-name",
		mode: entry.mode & 0o7777,
		uid: Math.min(entry.uid, MAX_ID),
		gid: Math.min(entry.gid, MAX_ID),
		size: Math.min(entry.size, MAX_SIZE),
		mtime: Math.min(Math.max(entry.mtime, 0), MAX_TIME),
		typeflag: TYPEFLAGS[entry.type],
		linkname: fits(linkname, 100) ? linkname : "long-link",
	};
	const header = headerBlock(fields);
	if (records.length === 0) return header;
	const pax = Buffer.concat(records);
	const paxFields = { ...fields, prefix: "", name: "pax", mode: 0o644, size: pax.length, typeflag: "x", linkname: "" };
	return Buffer.concat([headerBlock(paxFields), pax, padding(pax.length), header]);
}

/** What fills the last block of a content. */
export function padding(size: number): Buffer {
	return TAR_END.subarray(0, (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

interface Fields {
	readonly prefix: string;
	readonly name: string;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly size: number;
	readonly mtime: number;
	readonly typeflag: string;
	readonly linkname: string;
}

function headerBlock(fields: Fields): Buffer {
	const block = Buffer.alloc(TAR_BLOCK);
	const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
	block.write(fields.name, 0);
	block.write(octal(fields.mode, 7), 100);
	block.write(octal(fields.uid, 7), 108);
	block.write(octal(fields.gid, 7), 116);
	block.write(octal(fields.size, 11), 124);
	block.write(octal(fields.mtime, 11), 136);
	block.write("        ", 148);
	block.write(fields.typeflag, 156);
	block.write(fields.linkname, 157);
	block.write("ustar\u000000", 257);
	block.write(octal(0, 7), 329);
	block.write(octal(0, 7), 337);
	block.write(fields.prefix, 345);
	let sum = 0;
	for (const byte of block) sum += byte;
	block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
	return block;
}

/** Only ASCII: what other bytes in a header mean is not said anywhere. */
function fits(text: string, limit: number): boolean {
	return text.length <= limit && Buffer.byteLength(text) === text.length;
}

function splitName(path: string): { readonly prefix: string; readonly name: string } | undefined {
	if (fits(path, 100)) return { prefix: "", name: path };
	if (!fits(path, 256)) return undefined;
	const slash = path.lastIndexOf("/", 155);
	if (slash <= 0 || path.length - slash - 1 > 100) return undefined;
	return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** "<length> <key>=<value>\n", where the length counts itself. */
function paxRecord(key: string, value: string | Buffer): Buffer {
	const content = typeof value === "string" ? Buffer.from(value) : value;
	const rest = Buffer.concat([Buffer.from(` ${key}=`), content, Buffer.from("\n")]);
	let length = rest.length + 1;
	while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
	return Buffer.concat([Buffer.from(String(length)), rest]);
}
