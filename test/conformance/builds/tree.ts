/** The files of a guest: what a build changed, in the form in which BuildKit's results are recorded. */
import type { Guest } from "../../../src/guest/types.ts";
import type { RecordedEntry } from "./cases.ts";

/** A file of a guest. */
interface Entry extends RecordedEntry {
	/** Modification time in nanoseconds. */
	readonly mt: number;
}

/** One line of the script's output. */
interface Line extends Entry {
	/** Absolute path without the leading slash; empty for the root. */
	readonly p: string;
	/** Names in a directory. */
	readonly c?: readonly string[];
}

export type Tree = ReadonlyMap<string, Line>;

export interface Difference {
	readonly changed: ReadonlyMap<string, Entry>;
	readonly removed: readonly string[];
}

/** What a machine writes by itself while it runs. */
const NOISE = [
	"var/log/journal",
	"var/log/wtmp",
	"var/lib/systemd/timesync",
	"var/lib/systemd/random-seed",
	"tmp/systemd-private-*",
	"var/tmp/systemd-private-*",
];

/**
 * find(1) walks, since a walk in Python takes seconds on an emulated machine. Both stay on the root file system, mount points of others left out. -I and
 * -S spare loading what is not needed.
 */
function listScript(since: number | undefined): string {
	const which = since === undefined ? "" : `-newerct @${since}`;
	const but = NOISE.map((path) => `-path './${path}'`).join(" -o ");
	return `cd / && find . -xdev \\( ${but} \\) -prune -o ${which} -print0 | python3 -I -S -c '${DESCRIBE}' ${since === undefined ? "quick" : "whole"}\n`;
}

const DESCRIBE = `
import json, os, stat, sys
from _sha256 import sha256
whole = sys.argv[1] == "whole"
kinds = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
out = []
root = os.lstat(".").st_dev
for name in sys.stdin.buffer.read().split(b"\\0"):
    if name == b"": continue
    try: s = os.lstat(name)
    except FileNotFoundError: continue
    if s.st_dev != root: continue
    t = kinds[stat.S_IFMT(s.st_mode)]
    e = {"p": os.fsdecode(name[2:]), "t": t, "u": s.st_uid, "g": s.st_gid, "mt": s.st_mtime_ns}
    if t != "l": e["m"] = "%04o" % stat.S_IMODE(s.st_mode)
    if t == "d": e["c"] = [os.fsdecode(c) for c in os.listdir(name) if not c.startswith(b"systemd-private-")]
    else:
        if s.st_nlink > 1: e["n"] = s.st_nlink
    if t == "f": e["s"] = s.st_size
    if t == "l": e["l"] = os.fsdecode(os.readlink(name))
    if whole:
        x = os.listxattr(name, follow_symlinks=False)
        if x: e["x"] = {a: os.getxattr(name, a, follow_symlinks=False).hex() for a in x}
    if t == "f" and (whole or name.startswith(b"./etc/")):
        d = sha256()
        with open(name, "rb") as f:
            while True:
                b = f.read(1 << 20)
                if not b: break
                d.update(b)
        e["h"] = d.hexdigest()[:16]
    out.append(json.dumps(e))
sys.stdout.write("\\n".join(out))
`;

async function list(guest: Guest, since?: number): Promise<Tree> {
	const text = await guest.script(listScript(since));
	const lines = text.split("\n").filter((line) => line !== "");
	return new Map(lines.map((line) => JSON.parse(line) as Line).map((line) => [line.p, line]));
}

/** Everything there is; of contents only those in /etc. */
export function listAll(guest: Guest): Promise<Tree> {
	return list(guest);
}

/** What differs from `base`; everything that was changed after `since` (seconds of the epoch) is looked at. */
export async function difference(guest: Guest, base: Tree, since: number): Promise<Difference> {
	const touched = await list(guest, since);
	const changed = new Map([...touched].filter(([path, entry]) => path !== "" && !same(entry, base.get(path))));
	const removed = [...touched.values()].flatMap((entry) => gone(entry, base.get(entry.p)));
	return { changed, removed: removed.sort() };
}

/** Not all contents of the base are read: a file of the same size and time is the same. */
function same(now: Line, before: Line | undefined): boolean {
	if (before === undefined || now.t !== before.t) return false;
	const attributes = now.m === before.m && now.u === before.u && now.g === before.g && now.l === before.l;
	return attributes && (now.t !== "f" || (now.s === before.s && (now.mt === before.mt || now.h === before.h)));
}

/** The names that a directory of the base has lost; what was below them is gone with them. */
function gone(now: Line, before: Line | undefined): readonly string[] {
	const names = new Set(now.c ?? []);
	return (before?.c ?? []).filter((name) => !names.has(name)).map((name) => (now.p === "" ? name : `${now.p}/${name}`));
}
