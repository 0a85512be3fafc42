/**
 * Extended attributes of the context's files, which node cannot read: getfattr(1) does. What labels and measurements of
 * the host's security modules say is not carried, and neither are ACLs: they name accounts of the host.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readEnvironment } from "../system/env.ts";
import { run } from "../system/process.ts";
import type { StatCache } from "./cache.ts";
import type { FoundEntry } from "./collect.ts";
import type { Xattrs } from "./types.ts";

const CARRIED = "^(user\\.|security\\.capability$)";

/**
 * Give what was found its extended attributes, after the digests. A change of attributes changes a file's status, so
 * what the cache knows need not be read again. Without getfattr nothing has any.
 */
export async function findXattrs(found: readonly FoundEntry[], cache: StatCache | undefined): Promise<void> {
	const unknown: FoundEntry[] = [];
	for (const each of found) {
		const { node, entry } = each;
		if ((entry.type !== "file" && entry.type !== "directory") || entry.hardLink !== undefined) continue;
		const known = cache?.xattrs(node.path, entry.stamp ?? "");
		if (known === undefined) unknown.push(each);
		else give(each, known);
	}
	if (unknown.length === 0) return;
	const read = await readXattrs(unknown.map(({ entry }) => entry.source));
	if (read === undefined) return;
	for (const each of unknown) {
		const xattrs = read.get(each.entry.source) ?? {};
		give(each, xattrs);
		cache?.setXattrs(each.node.path, each.entry.stamp ?? "", xattrs);
	}
}

function give({ entry }: FoundEntry, xattrs: Xattrs): void {
	for (const _ in xattrs) {
		entry.xattrs = xattrs;
		return;
	}
}

/** Of absolute host paths, symlinks not followed, those that have any. Undefined: getfattr is not installed. */
async function readXattrs(paths: readonly string[]): Promise<ReadonlyMap<string, Xattrs> | undefined> {
	const { searchPath } = readEnvironment();
	if (!searchPath.some((folder) => existsSync(join(folder, "getfattr")))) return undefined;
	const args = ["-0", "getfattr", "-h", "-d", "-m", CARRIED, "-e", "base64", "--absolute-names", "--"];
	// A file that vanished meanwhile makes it fail, and is missed when its content is read.
	return parseXattrs((await run("xargs", args, { input: `${paths.join("\0")}\0` })).stdout);
}

/** The format of `getfattr --dump`. */
export function parseXattrs(dump: string): ReadonlyMap<string, Xattrs> {
	const found = new Map<string, Xattrs>();
	for (const block of dump.split("\n\n")) {
		const [head = "", ...lines] = block.replace(/^\n+/, "").split("\n");
		const path = /^# file: (.*)$/.exec(head)?.[1];
		if (path === undefined) continue;
		const pairs = lines.flatMap((line) => {
			// A value without bytes is left out, with its sign.
			const match = /^((?:[^=\\]|\\.)+)(?:=0s([A-Za-z0-9+/=]*))?$/.exec(line);
			return match === null ? [] : [[unquote(match[1] ?? ""), match[2] ?? ""] as const];
		});
		if (pairs.length > 0) found.set(unquote(path), Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1))));
	}
	return found;
}

/** `\012` is the byte with that octal number; other bytes stand for themselves. */
function unquote(text: string): string {
	if (!text.includes("\\")) return text;
	const bytes = Buffer.from(text, "utf8").toString("latin1");
	const plain = bytes.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
	return Buffer.from(plain, "latin1").toString("utf8");
}
