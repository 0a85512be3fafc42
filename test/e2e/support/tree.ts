/** Every file of a raw disk's root file system, read with debugfs(8): no mount, no boot, no root. */
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { mkdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { rootFileSystem } from "./disk.ts";

interface Entry {
	readonly path: string;
	readonly inode: string;
	/** Octal, file type included. */
	readonly mode: string;
	readonly uid: string;
	readonly gid: string;
	readonly size: string;
}

const FILE_TYPE = 0o170000;
const DIRECTORY = 0o040000;
const REGULAR = 0o100000;
const SYMLINK = 0o120000;

function typeOf({ mode }: Entry): number {
	return Number.parseInt(mode, 8) & FILE_TYPE;
}

/** The answers of several debugfs(8) requests, in their order. */
async function ask(disk: string, requests: readonly string[]): Promise<readonly string[]> {
	const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8" };
	const child = spawn("debugfs", ["-f", "-", await rootFileSystem(disk)], { env });
	child.stdin.end(`${requests.join("\n")}\n`);
	const [said] = await Promise.all([text(child.stdout), text(child.stderr)]);
	// Each request is echoed before its answer.
	return said.split(/^debugfs: .*$/m).slice(1);
}

async function list(disk: string, directories: readonly Entry[]): Promise<readonly Entry[]> {
	const answers = await ask(
		disk,
		directories.map(({ inode }) => `ls -p <${inode}>`),
	);
	return directories.flatMap(({ path }, index) =>
		(answers[index] ?? "").split("\n").flatMap((line): Entry[] => {
			// /inode/mode/uid/gid/name/size/
			const [, inode = "", mode = "", uid = "", gid = "", name = "", size = ""] = line.split("/");
			if (name === "" || name === "." || name === ".." || inode === "0") return [];
			return [{ path: `${path}/${name}`, inode, mode, uid, gid, size }];
		}),
	);
}

const ROOT: Entry = { path: "", inode: "2", mode: "040755", uid: "0", gid: "0", size: "" };

/**
 * `type mode uid:gid size sha256-or-target` by path, of everything on the disk. `scratch` is a folder's path that may
 * be written; it is gone afterwards.
 */
export async function treeOf(disk: string, scratch: string): Promise<ReadonlyMap<string, string>> {
	await mkdir(scratch);
	try {
		await ask(disk, [`rdump / "${scratch}"`]);
		const tree = new Map<string, string>();
		for (let level: readonly Entry[] = [ROOT]; level.length > 0; ) {
			const entries = await list(disk, level);
			for (const entry of entries) tree.set(entry.path, await describe(entry, scratch));
			level = entries.filter((entry) => typeOf(entry) === DIRECTORY);
		}
		return tree;
	} finally {
		await rm(scratch, { recursive: true, force: true });
	}
}

async function describe(entry: Entry, scratch: string): Promise<string> {
	const copy = join(scratch, entry.path);
	const head = `${entry.mode} ${entry.uid}:${entry.gid}`;
	switch (typeOf(entry)) {
		case REGULAR:
			return `${head} ${entry.size} ${createHash("sha256")
				.update(await readFile(copy))
				.digest("hex")}`;
		case SYMLINK:
			return `${head} -> ${await readlink(copy)}`;
		default:
			return head;
	}
}

/** Lines that tell two trees apart, sorted by path; none when they are equal. */
export function differences(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): readonly string[] {
	return [...new Set([...a.keys(), ...b.keys()])]
		.filter((path) => a.get(path) !== b.get(path))
		.sort()
		.map((path) => `${path}: ${a.get(path) ?? "absent"} | ${b.get(path) ?? "absent"}`);
}
