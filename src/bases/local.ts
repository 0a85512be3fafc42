/** FROM ./disk.qcow2: a file of the user's own. */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Digest, sha256 } from "../digest.ts";
import { messageOf, NodebuildError } from "../errors.ts";
import { filesOf } from "../layers/qcow2.ts";
import { isErrno, makeFolder, writeFileAtomic } from "../system/files.ts";
import { digestFile } from "./digest-file.ts";
import { readHeader } from "./format.ts";
import { architectureOf, guessFamily } from "./guess.ts";
import { digestOfHex, importDisk } from "./import.ts";
import { checkPin, located, type ResolveOptions, task } from "./options.ts";
import type { BaseReference } from "./resolve.ts";
import type { Base } from "./types.ts";

type FileReference = Extract<BaseReference, { kind: "file" }>;

/** What must be equal for a file's digest to be taken from the cache instead of its content. */
interface StatRecord {
	readonly version: 1;
	readonly path: string;
	readonly size: string;
	readonly mtime: string;
	readonly ctime: string;
	readonly inode: string;
	readonly digest: Digest;
}

/** @throws NodebuildError BASE_UNAVAILABLE when the file is not there, BASE_CHECKSUM against a pin. */
export async function resolveFile(reference: FileReference, options: ResolveOptions): Promise<Base> {
	const { path, pin } = reference;
	const before = await identityOf(path, options);
	const cacheFile = join(options.store.home, "cache", "base-files", `${sha256(path).slice(7, 39)}.json`);
	const known = pin?.algorithm === "sha512" ? undefined : await readCache(cacheFile, before);
	if (known !== undefined) {
		if (pin !== undefined) checkPin(pin, { sha256: known.slice(7), sha512: "" }, path, options);
		const stored = await options.store.bases.find(known);
		if (stored !== undefined) return stored;
	}
	return task(options, "base", `read ${basename(path)}`, async () => {
		const { signal } = options;
		const digests = await digestFile(path, pin?.algorithm === "sha512" ? ["sha256", "sha512"] : ["sha256"], signal);
		if (pin !== undefined) checkPin(pin, digests, path, options);
		const others = await othersOf(path);
		const digest = await digestOfAll(digests.sha256, others, signal);
		const base = (await options.store.bases.find(digest)) ?? (await take(reference, { digest, others }, options));
		// Of a disk that leans on others their times would have to be known too: read anew each time.
		if (others.length === 0) await writeCache(cacheFile, { ...before, digest });
		return base;
	});
}

/** The files that a disk leans on. */
async function othersOf(path: string): Promise<readonly string[]> {
	const { format, needs } = await readHeader(path, path);
	if (format === undefined || needs === undefined) return [];
	// What is wrong with them is told when the disk is taken over.
	const files = await filesOf(path, format).catch(() => []);
	return files.filter((file) => file !== path);
}

/** The digest of a disk: its file's, or, where its content is in several, one of all theirs. */
async function digestOfAll(own: string, others: readonly string[], signal: AbortSignal | undefined): Promise<Digest> {
	if (others.length === 0) return digestOfHex(own);
	const all = [own];
	for (const file of others) all.push((await digestFile(file, ["sha256"], signal)).sha256);
	return sha256(all.join("\n"));
}

interface Content {
	readonly digest: Digest;
	/** Files that it is in besides the one named. */
	readonly others: readonly string[];
}

async function take(reference: FileReference, content: Content, options: ResolveOptions): Promise<Base> {
	const { digest, others } = content;
	const { path, pin } = reference;
	const base = await importDisk({
		store: options.store,
		file: path,
		name: path,
		move: false,
		trusted: true,
		record: {
			digest,
			ref: path,
			family: guessFamily(basename(path)),
			architecture: architectureOf(options.platform),
			source: path,
			verified: pin === undefined ? "unverified" : pin.algorithm,
		},
		...(options.signal === undefined ? {} : { signal: options.signal }),
	});
	const now = await digestFile(path, ["sha256"], options.signal);
	if ((await digestOfAll(now.sha256, others, options.signal)) === digest) return base;
	throw located(options, {
		code: "BASE_UNAVAILABLE",
		message: `${path} changed while it was read`,
		hint: "is a machine running on it? shut it down first, or copy the disk",
	});
}

async function identityOf(path: string, options: ResolveOptions): Promise<Omit<StatRecord, "digest">> {
	try {
		const found = await stat(path, { bigint: true });
		if (!found.isFile()) {
			throw located(options, {
				code: "BASE_UNAVAILABLE",
				message: `expected ${path} to be a disk image, got something that is no regular file`,
				hint: "name the disk file itself",
			});
		}
		const { size, mtimeNs, ctimeNs, ino, dev } = found;
		return { version: 1, path, size: `${size}`, mtime: `${mtimeNs}`, ctime: `${ctimeNs}`, inode: `${dev}:${ino}` };
	} catch (error) {
		if (error instanceof NodebuildError) throw error;
		throw located(options, {
			code: "BASE_UNAVAILABLE",
			message: `expected the disk image ${path} to be there and readable, got ${messageOf(error)}`,
			hint: "a relative path is taken from the Nodefile's folder",
			cause: error,
		});
	}
}

async function readCache(file: string, now: Omit<StatRecord, "digest">): Promise<Digest | undefined> {
	try {
		const value = JSON.parse(await readFile(file, "utf8")) as StatRecord;
		const same = (["version", "path", "size", "mtime", "ctime", "inode"] as const).every(
			(key) => value[key] === now[key],
		);
		return same ? value.digest : undefined;
	} catch (error) {
		if (error instanceof SyntaxError || isErrno(error, "ENOENT")) return undefined;
		throw error;
	}
}

/** A file changed within the last two seconds may change again without its times telling. */
async function writeCache(file: string, record: StatRecord): Promise<void> {
	if (Date.now() - Number(BigInt(record.mtime) / 1_000_000n) < 2000) return;
	await makeFolder(dirname(file));
	await writeFileAtomic(file, JSON.stringify(record));
}
