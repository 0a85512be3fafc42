/**
 * What a COPY does in the guest before its files arrive: make directories, and refuse or clear what stands in the way.
 * The rules are those of tonistiigi/fsutil's copy, which BuildKit uses. Pure.
 */
import type { ApartContent, CopyLayout, Placement, ResolvedCopy } from "../context/index.ts";
import { joinPath } from "../context/index.ts";
import { quote } from "../guest/command.ts";
import type { CopyRequest } from "../plan/types.ts";

export interface CopyPlan {
	readonly copy: ResolvedCopy;
	readonly placement: Placement;
	readonly layout: CopyLayout;
	/**
	 * `--link`: as if the files were copied onto nothing and that were laid over the machine's disk. What stands in the
	 * way goes, and directories on the way get the owner and mode of the copy.
	 */
	readonly link: boolean;
	/** Put before all paths: see `Destination`. */
	readonly root: string;
}

/** BuildKit makes no layer of its own where modes are set, so there `--link` is an ordinary copy. */
export function isLink({ link, chmod }: CopyRequest): boolean {
	return link && chmod === undefined;
}

/** Printed before the message, when something stands in the way. */
export const CLASH = "clash: ";

const FUNCTIONS = `set -e
clash() { printf '%s' "${CLASH}$1"; exit 0; }
gone() { [ ! -e "$1" ] && [ ! -h "$1" ]; }
real() { [ -d "$1" ] && [ ! -h "$1" ]; }
`;

/** Each is given the path; `way` and `through` make the directory, owner in $owner. */
const KEEPING = `${FUNCTIONS}
way() { [ -d "$1" ] || { gone "$1" || clash "not a directory: $1"; mkdir -m 755 -- "$1"; chown "$owner" "$1"; }; }
d() { real "$1" || gone "$1" || clash "cannot copy to non-directory: $1"; }
f() { ! real "$1" || clash "cannot replace to directory $1 with file"; }
through() {
	if real "$1"; then chmod "$2" "$1"
	else gone "$1" || clash "cannot copy to non-directory: $1"; mkdir -p -- "$1"; chown "$owner" "$1"; chmod "$3" "$1"
	fi
}
`;

const LINKING = `${FUNCTIONS}
way() { d "$1"; [ -d "$1" ] || mkdir -- "$1"; chown "$owner" "$1"; chmod 755 "$1"; }
d() { real "$1" || rm -f -- "$1"; }
f() { ! real "$1" || rm -rf -- "$1"; }
through() { d "$1"; [ -d "$1" ] || mkdir -p -- "$1"; chown "$owner" "$1"; chmod "$3" "$1"; }
`;

/** For `sh -s`: the directories on the way of a `--link`, parents first. */
export function linkScript(directories: readonly string[], owner: { uid: number; gid: number }, root: string): string {
	const lines = directories.map((path) => `way ${quote(`${root}${path}`)}`);
	return `${LINKING}owner=${owner.uid}:${owner.gid}\n${lines.join("\n")}\n`;
}

/** It prints nothing, or CLASH and what is wrong, or what `check`, which runs before anything is changed, prints. */
export function prepareScript(plan: CopyPlan, check = ""): string {
	const { placement, layout, link, root } = plan;
	const lines = placement.createdParents.map((path) => `way ${quote(`${root}${path}`)}`);
	return `${link ? LINKING : KEEPING}${check}owner=${layout.uid}:${layout.gid}\n${[...lines, ...entryLines(plan)].join("\n")}\n`;
}

function entryLines({ copy, placement, layout, root }: CopyPlan): readonly string[] {
	return copy.sources.flatMap((source, i) => {
		const target = placement.targets[i];
		if (target === undefined || source.archive !== undefined) return [];
		const lines: string[] = [];
		let within = "";
		const group = (folder: string): void => {
			if (folder === within) return;
			if (within !== "") lines.push("fi");
			// Nothing stands in the way in a folder that is not there.
			if (folder !== "") lines.push(`if [ -e ${quote(folder)} ]; then`);
			within = folder;
		};
		for (const entry of source.entries) {
			const at = `${root}${joinPath(target, entry.path)}`;
			const path = quote(at);
			if (entry.type === "directory" && entry.passage === true) {
				group("");
				const octal = (mode: number): string => mode.toString(8);
				lines.push(`through ${path} ${octal(entry.mode)} ${octal(layout.mode?.(entry.mode, true) ?? entry.mode)}`);
				continue;
			}
			group(at.slice(0, at.lastIndexOf("/")) || "/");
			lines.push(`${entry.type === "directory" ? "d" : "f"} ${path}`);
		}
		group("");
		return lines;
	});
}

/** A path that one source has as a directory and another as something else: what a guest need not be asked for. */
export function clashAmongSources({ copy, placement }: Pick<CopyPlan, "copy" | "placement">): string | undefined {
	if (copy.sources.length < 2) return undefined;
	const directories = new Map<string, boolean>();
	for (const [i, source] of copy.sources.entries()) {
		const target = placement.targets[i];
		if (target === undefined || source.archive !== undefined) continue;
		for (const entry of source.entries) {
			const path = joinPath(target, entry.path);
			const isDirectory = entry.type === "directory";
			const before = directories.get(path);
			if (before === false && isDirectory) return `cannot copy to non-directory: ${path}`;
			if (before === true && !isDirectory) return `cannot replace to directory ${path} with file`;
			directories.set(path, isDirectory);
		}
	}
	return undefined;
}

/**
 * Fills files that tar has made empty, from the disk that is $0 (see context/apart.ts): past the caches where both file
 * system and dd(1) can do that (O_DIRECT, GNU's "iflag"), else as any program would. None is made anew: in a sticky
 * directory that needs its owner (proc_sys_fs(5), "protected_regular").
 */
export function apartScript(contents: readonly ApartContent[], root: string): string {
	if (contents.length === 0) return "";
	const lines = contents.map(({ name, offset, room, entry, mtime }) =>
		["put", quote(`${root}/${name}`), offset, room, entry.size, mtime].join(" "),
	);
	return `${PUT}${lines.map((line) => `${line} || exit\n`).join("")}`;
}

const PUT = `disk=$0
put() {
	dd if="$disk" of="$1" bs=1048576 skip="$2" count="$3" iflag=direct,fullblock,skip_bytes,count_bytes oflag=direct \\
		conv=notrunc,nocreat status=none 2>/dev/null ||
	dd if="$disk" of="$1" bs=4096 skip=$(($2 / 4096)) count=$(($3 / 4096)) conv=notrunc,nocreat 2>/dev/null ||
	dd if="$disk" of="$1" bs=4096 skip=$(($2 / 4096)) count=$(($3 / 4096)) conv=notrunc || return
	truncate -c -s "$4" "$1" && touch -c -m -d "@$5" "$1"
}
`;
