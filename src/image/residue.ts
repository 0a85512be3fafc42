/** What must not be on a sealed disk: a table, checked while the disk is read-only and its caches are dropped. */

import { forEachDisk } from "./mounts.ts";

/** A line of the script: what is on the disks does not change any more. */
export const STILL = "the disks hold still";
/** The last: without it nobody knows what is on them. */
export const LOOKED = "the disks were looked at";

interface Below {
	readonly roots: readonly string[];
	/** "text": a file that is not empty. */
	readonly kind: "any" | "file" | "text";
	/** How the names of such files end; absent: in any way. */
	readonly endings?: readonly string[];
}

interface Residue {
	/** Without quotes, backslashes and percent signs. */
	readonly description: string;
	/** Patterns of the shell; whatever exists is left. */
	readonly paths?: readonly string[];
	/** Directories with what must not lie below them. */
	readonly below?: Below;
	/** Shell that calls `left WHAT`. */
	readonly script?: string;
}

/**
 * The superblocks of ext4 (fs/ext4/ext4.h of Linux): state at 0x3a (1: clean, 2: errors), features that need recovery
 * (0x60: 4) or say that orphans are present (0x64: 0x10000), first orphan at 0xe8. Files that were removed while a
 * process still held them are on the disk as orphans, which the next mount would have to clear. Our processes end with
 * the machine, so e2fsck(8) clears them: while it is read-only it may repair a mounted root, others with -f. A frozen
 * one has to be remounted for that (hold.ts).
 */
const CHECK_FILE_SYSTEMS = `superblock() {
	set -- $(od -A n -v -t u4 -j 1024 -N 236 "$1" 2>/dev/null)
	[ $# -eq 59 ] || return
	state=$((\${15} >> 16)) recovery=$((\${25} & 4)) orphans=$((\${59} | \${26} & 65536))
}
${forEachDisk(`	[ "$type" = ext4 ] || continue
	state=unknown recovery=0 orphans=0
	superblock "$device"
	if [ $orphans != 0 ]; then
		[ -z "\${frozen-}" ] || { thaw; remount; }
		force=-f
		[ "$point" != / ] || force=
		e2fsck -p $force "$device" >/dev/null 2>&1
		sync
		superblock "$device"
	fi
	[ "$state" = 1 ] || left "$device has the state $state"
	[ $recovery = 0 ] || left "$device needs recovery"
	[ $orphans = 0 ] || left "$device has orphans"`)}`;

const FILE_SYSTEMS: Residue = { description: "an unclean file system", script: CHECK_FILE_SYSTEMS };

const RESIDUES: readonly Residue[] = [
	{ description: "SSH host keys", paths: ["/etc/ssh/ssh_host_*_key"] },
	{
		description: "a machine id",
		script: `while read -r line; do
	case $line in ""|uninitialized) ;; *) left "$line" ;; esac
done < /etc/machine-id`,
	},
	{
		description: "a D-Bus machine id",
		script: `[ -L /var/lib/dbus/machine-id ] || [ ! -e /var/lib/dbus/machine-id ] || left /var/lib/dbus/machine-id`,
	},
	{ description: "cloud-init's state", paths: ["/var/lib/cloud/instance", "/var/lib/cloud/instances"] },
	{
		description: "cloud-init's network configuration",
		paths: ["/etc/netplan/50-cloud-init.yaml", "/etc/network/interfaces.d/50-cloud-init*"],
	},
	{ description: "the build's access", paths: ["/etc/systemd/system-generators/nodebuild"] },
	{ description: "a random seed", paths: ["/var/lib/systemd/random-seed"] },
	{ description: "shell history", paths: ["/root/.bash_history", "/home/*/.bash_history"] },
	{
		description: "the build's resolver",
		script: `if [ ! -L /etc/resolv.conf ] && [ -e /etc/resolv.conf ]; then
	while read -r line; do
		case $line in "nameserver 10.0.2.3"*) left "$line" ;; esac
	done < /etc/resolv.conf
fi`,
	},
	{ description: "package lists", below: { roots: ["/var/lib/apt/lists"], kind: "file" } },
	{
		description: "package caches",
		below: {
			roots: ["/var/cache/apt/archives", "/var/cache/dnf", "/var/cache/yum"],
			kind: "file",
			endings: [".deb", ".rpm"],
		},
	},
	{ description: "logs", below: { roots: ["/var/log"], kind: "text" } },
	{ description: "temporary files", below: { roots: ["/tmp", "/var/tmp"], kind: "any" } },
];

function check({ description, paths, script }: Residue): string {
	const what = `what="${description}"\n`;
	if (script !== undefined) return `${what}${script}\n`;
	if (paths === undefined) return "";
	return `${what}for path in ${paths.join(" ")}; do\n\t[ ! -e "$path" ] && [ ! -L "$path" ] || left "$path"\ndone\n`;
}

const KINDS = { any: "", file: "-type f", text: "-type f -size +0" } as const;

/**
 * One find(1) for all that has to be looked for, beside the shell's own checks, in words that BusyBox's knows too. A folder
 * that is always there tells that it has looked.
 */
function search(): string {
	const rows = RESIDUES.flatMap(({ description, below }) => (below === undefined ? [] : [{ description, ...below }]));
	const within = (roots: readonly string[]): string[] => roots.map((root) => `${root}/?*`);
	const tests = rows.map(({ roots, kind, endings = [] }) => {
		const paths = within(roots).map((path) => `-path '${path}'`);
		const names = endings.map((ending) => `-name '*${ending}'`);
		return [anyOf(paths), KINDS[kind], ...(names.length === 0 ? [] : [anyOf(names)])].join(" ");
	});
	const roots = rows.flatMap(({ roots: those }) => those);
	const cases = rows.map(({ description, roots: those }) => `\t${within(those).join("|")}) what="${description}" ;;\n`);
	// the slash: it may be a link
	return `find ${roots.map((root) => `${root}/`).join(" ")} -xdev ${anyOf(["-path /tmp/", ...tests])} -print 2>/dev/null | while IFS= read -r path; do
	case $path in
	/tmp/) echo "${LOOKED}"; continue ;;
${cases.join("")}	*) what="a name with a line break" ;;
	esac
	left "$path"
done &
`;
}

const anyOf = (tests: readonly string[]): string => `\\( ${tests.join(" -o ")} \\)`;

/** The table for the program that waits in a guest (guest/agent/seal-program.ts), which knows the script's rows itself. */
export const RESIDUE_ROWS: readonly (readonly string[])[] = RESIDUES.flatMap(({ description, paths = [], below }) => [
	...paths.map((path) => ["residue", description, path]),
	...(below === undefined ? [] : [["below", description, below.kind, (below.endings ?? []).join(" "), ...below.roots]]),
]);

/** Prints one line for each residue found, `description: what`, with STILL and LOOKED. Exits 0 always. Needs what READ_DISKS sets. */
export function residueScript(): string {
	const left = `left() { printf '%s: %s\\n' "$what" "$1"; }\n`;
	const still = `echo "${STILL}"\n`;
	return [left, search(), check(FILE_SYSTEMS), still, ...RESIDUES.map(check), "wait\nexit 0\n"].join("");
}
