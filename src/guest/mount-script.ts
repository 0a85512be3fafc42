/** The scripts that mount what a command asked for, run in its mount namespace (mount-namespace.ts). Pure. */
import { quote } from "./command.ts";

/**
 * Where sources lie until they are bound to their targets: a tmpfs of the namespace alone, over a directory that is
 * there on any Linux and that nobody needs for mounting. It goes before the command starts; what is bound stays.
 */
export const STAGING = "/proc/fs";

export interface Ownership {
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
}

export type GuestMount =
	| { readonly kind: "tmpfs"; readonly target: string; readonly readOnly: boolean; readonly bytes?: number }
	/** Bind `path` of the tree at `root`, symlinks resolved as if the tree were /. */
	| {
			readonly kind: "tree";
			readonly target: string;
			readonly readOnly: boolean;
			readonly root: string;
			readonly path: string;
			/** Make the path, a directory, where the tree lacks it. */
			readonly make?: boolean;
			/** Directory, on a file system of ours, that takes the changes to a tree that itself is read-only. */
			readonly changes?: string;
	  }
	/** Bind the socket at `path`, and take that name away. */
	| ({ readonly kind: "socket"; readonly target: string; readonly path: string } & Ownership);

/** A disk that is formatted, or repaired, when that is needed, and mounted at `at`; `content` in it is what is used. */
export interface GuestDisk {
	readonly device: string;
	readonly at: string;
	/** There is nothing on it yet. */
	readonly fresh: boolean;
}

const FUNCTIONS = `set -e
fail() {
	echo "$*" >&2
	exit 1
}
# what a path means where $1 is /
inside() {
	root=$1
	rest=$2
	at=
	links=0
	while [ -n "$rest" ]; do
		part=\${rest%%/*}
		case $rest in
			*/*) rest=\${rest#*/} ;;
			*) rest= ;;
		esac
		case $part in
			'' | .) continue ;;
			..) at=\${at%/*}; continue ;;
		esac
		if [ -L "$root$at/$part" ]; then
			links=$((links + 1))
			[ $links -lt 40 ] || fail "too many symlinks in $2"
			link=$(readlink -- "$root$at/$part")
			case $link in
				/*) at= ;;
			esac
			rest=$link/$rest
		else
			at=$at/$part
		fi
	done
	printf '%s\\n' "$root$at"
}
# make a target that is missing: $1 "d" or "f", $2 path
stub() {
	[ ! -e "$2" ] || return 0
	if [ "$1" = d ]; then
		mkdir -p -- "$2"
	else
		mkdir -p -- "\${2%/*}/"
		: > "$2"
	fi
}
tree() {
	source=$(inside "$1" "$2")
	[ "$4" != make ] || mkdir -p -- "$source"
	[ -e "$source" ] || fail "there is no $2 to mount on $3"
	target=$(readlink -m -- "$3")
	if [ -d "$source" ]; then stub d "$target"; else stub f "$target"; fi
	if [ -z "$5" ]; then
		mount --bind -- "$source" "$target"
	elif [ -d "$source" ]; then
		mkdir -p "$5/upper" "$5/work"
		chmod --reference="$source" "$5/upper"
		chown --reference="$source" "$5/upper"
		mount -t overlay -o "lowerdir=$source,upperdir=$5/upper,workdir=$5/work" overlay "$target"
	else
		cp -a -- "$source" "$5/file"
		mount --bind -- "$5/file" "$target"
	fi
}
`;

/** What the first script says. */
export interface Begun {
	/** Targets, and directories above them, that are missing. */
	readonly missing: readonly string[];
	/** Where disks are mounted that have no content yet. */
	readonly empty: readonly string[];
}

/** The staging area, the disks in it, and a look at the targets; its output is for `readBegun`. */
export function beginScript(targets: readonly string[], disks: readonly GuestDisk[]): string {
	const lines = [
		...targets.map((target) => `missing ${quote(target)}`),
		`mount -t tmpfs -o mode=700 tmpfs ${STAGING}`,
		...disks.map(({ device, at, fresh }) => `disk ${quote(device)} ${quote(at)} ${fresh ? "fresh" : "''"}`),
	];
	return `${FUNCTIONS}${DISK}missing() {
	path=$(readlink -m -- "$1")
	while [ -n "$path" ] && [ ! -e "$path" ] && [ ! -L "$path" ]; do
		printf 'missing %s\\0' "$path"
		path=\${path%/*}
	done
}
${lines.join("\n")}
`;
}

export function readBegun(output: string): Begun {
	const words = output.split("\0");
	const after = (name: string): string[] =>
		words.filter((word) => word.startsWith(`${name} `)).map((word) => word.slice(name.length + 1));
	return { missing: after("missing"), empty: after("empty") };
}

const DISK = `format() {
	command -v mkfs.ext4 >/dev/null || fail "mkfs.ext4 is missing: install e2fsprogs in an earlier step"
	mkfs.ext4 -q -F -m 0 -J size=32 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$1"
}
mount_disk() {
	mount -t ext4 -o noatime,noinit_itable,discard "$1" "$2"
}
# $1 device, $2 where, $3 not empty: there is nothing on it yet. What a killed machine left is repaired, or given up.
disk() {
	mkdir -p "$2"
	if [ -n "$3" ]; then
		format "$1"
		mount_disk "$1" "$2"
	elif ! mount_disk "$1" "$2" 2>/dev/null; then
		e2fsck -fy "$1" >/dev/null 2>&1 || true
		mount_disk "$1" "$2" 2>/dev/null || { format "$1"; mount_disk "$1" "$2"; }
	fi
	[ -d "$2/content" ] || printf 'empty %s\\0' "$2"
}
`;

/**
 * Give a disk its content, which appears when it is whole. It is in a directory, so that the command does not see
 * lost+found.
 */
export function fillScript(at: string, { mode, uid, gid }: Ownership, from?: string): string {
	const part = quote(`${at}/part`);
	const copy = from === undefined ? "" : `[ ! -d ${quote(from)} ] || cp -a -- ${quote(from)}/. ${part}/\n`;
	return `set -e
rm -rf ${part}
mkdir ${part}
${copy}chown ${uid}:${gid} ${part}
chmod ${mode.toString(8)} ${part}
sync -f ${part}
mv ${part} ${quote(`${at}/content`)}
`;
}

/** Prints where a path of a tree is, symlinks resolved as if the tree were /. */
export function findScript(root: string, path: string): string {
	return `${FUNCTIONS}inside ${quote(root)} ${quote(path)}\n`;
}

/** Bind everything to its target, targets of targets last; then the staging area goes. */
export function bindScript(mounts: readonly GuestMount[]): string {
	const ordered = [...mounts].sort((a, b) => depth(a.target) - depth(b.target));
	const readOnly = ordered.filter((mount) => mount.kind !== "socket" && mount.readOnly);
	// Later, so that a target within a read-only one can be made.
	const frozen = readOnly.map(({ target }) => `mount -o remount,bind,ro -- ${quote(target)}`);
	return `${FUNCTIONS}${[...ordered.map(bind), ...frozen].join("\n")}\numount -l ${STAGING}\n`;
}

function bind(mount: GuestMount): string {
	const target = quote(mount.target);
	switch (mount.kind) {
		case "tree":
			return `tree ${[mount.root, mount.path, mount.target, mount.make === true ? "make" : "", mount.changes ?? ""].map(quote).join(" ")}`;
		case "socket":
			return `chown ${mount.uid}:${mount.gid} ${quote(mount.path)}
chmod ${mount.mode.toString(8)} ${quote(mount.path)}
tree '' ${quote(mount.path)} ${target} '' ''
rm -f ${quote(mount.path)}`;
		case "tmpfs":
			// An existing directory's mode is the tmpfs's, as with runc.
			return `target=$(readlink -m -- ${target})
mode=1777
[ ! -d "$target" ] || mode=$(stat -c %a "$target")
stub d "$target"
mount -t tmpfs -o "nosuid,mode=$mode${mount.bytes === undefined ? "" : `,size=${mount.bytes}`}" tmpfs "$target"`;
	}
}

const depth = (path: string): number => path.split("/").length;

/** Targets that were made for the command, and are empty, go; `missing` as beginScript() said it. */
export function endScript(missing: readonly string[]): string {
	const words = missing.map(quote).join(" ");
	return `for path in ${words}; do
	[ ! -L "$path" ] || continue
	if [ -d "$path" ]; then
		rmdir -- "$path" 2>/dev/null || true
	elif [ -e "$path" ] && [ ! -s "$path" ]; then
		rm -f -- "$path"
	fi
done
`;
}
