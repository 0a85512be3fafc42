/**
 * Sealing: a machine becomes a disk that may be cloned many times. Pure texts; build/seal.ts runs them.
 * What is removed follows virt-sysprep(1) and cloud-init's own `clean`.
 */
import type { ImageConfig } from "../plan/types.ts";
import { configScript } from "./config-files.ts";
import { CONTENTS_ROW, contentsScript } from "./contents.ts";
import { HOLD_SCRIPT } from "./hold.ts";
import { DETACH_SCRIPT, forEachDisk, READ_DISKS } from "./mounts.ts";
import { END_SCRIPT, GONE_SCRIPT, QUIESCE_SCRIPT, QUIET_ROWS, STOP_SCRIPT } from "./quiesce.ts";
import { LOOKED, RESIDUE_ROWS, residueScript, STILL } from "./residue.ts";

/** Part of an image's key: raise it when sealing does something else. */
export const SEAL_VERSION = 6;

/** Where the build's generator lies; the machine's provider puts it there. */
export interface SealOptions {
	readonly config: ImageConfig;
	/** Files that the build itself brought. */
	readonly buildFiles: readonly string[];
}

/** Package managers' caches and lists: most of what is removed. */
const PACKAGE_CACHES = [
	...["/var/lib/apt/lists/*", "/var/cache/apt/archives/*.deb", "/var/cache/apt/archives/partial/*"],
	...["/var/cache/apt/*.bin", "/var/cache/dnf/*", "/var/cache/yum/*", "/var/cache/libdnf5/*"],
	...["/var/cache/zypp/*", "/var/cache/apk/*"],
];

/** Where all that is. */
const CACHE_PLACES = [...foldersOf(PACKAGE_CACHES), "/var/lib/cloud"];
/** Where everything goes, or at least all that was written. */
const CLEANED_PLACES = ["/tmp", "/var/tmp", "/var/log"];

/** What cloud-init keeps, but for seeds and scripts: nobody needs it any more, and it is many small files. */
const CLOUD_STATE = ["/var/lib/cloud/[!s]*", "/var/lib/cloud/sem"];

const REMOVE_MOST = `rm -rf ${[...PACKAGE_CACHES, ...CLOUD_STATE].join(" ")}`;

/** Removed as they are, patterns of the shell among them. */
const REMOVED = [
	// identity of this machine
	...["/etc/ssh/ssh_host_*_key", "/etc/ssh/ssh_host_*_key.pub", "/var/lib/systemd/random-seed"],
	...["/var/lib/systemd/credential.secret", "/var/lib/NetworkManager/secret_key"],
	// what cloud-init made of the build's seed
	...["/etc/netplan/50-cloud-init.yaml", "/etc/network/interfaces.d/50-cloud-init"],
	...["/etc/network/interfaces.d/50-cloud-init.cfg", "/etc/systemd/network/10-cloud-init-*.network"],
	...["/etc/NetworkManager/system-connections/cloud-init-*", "/etc/udev/rules.d/70-persistent-net.rules"],
	...["/etc/udev/rules.d/85-persistent-net-cloud-init.rules", "/etc/ssh/sshd_config.d/50-cloud-init.conf"],
	// leases of the build's network
	...["/var/lib/dhcp/*.leases", "/var/lib/dhclient/*.lease*", "/var/lib/NetworkManager/*.lease"],
	...["/var/lib/dhcpcd/*.lease", "/var/lib/NetworkManager/timestamps", "/var/lib/NetworkManager/seen-bssids"],
	// histories, core dumps
	...[".bash_history", ".ash_history", ".lesshst", ".viminfo", ".wget-hsts"].flatMap((name) => [
		`/root/${name}`,
		`/home/*/${name}`,
	]),
	...["/root/.python_history", "/var/lib/systemd/coredump/*", "/var/crash/*"],
];

/** Logs that go; of all others the files stay, empty, with their owners and modes. */
const REMOVED_LOGS = ["/var/log/journal/*", "/var/log/cloud-init*.log", "/var/log/installer", "/var/log/installer/*"];
const OLD_LOGS = [".gz", ".xz", ".old", ...[...Array(10).keys()].map((digit) => `.${digit}`)];

const anyOf = (test: string, patterns: readonly string[]): string =>
	`\\( ${patterns.map((pattern) => `${test} '${pattern}'`).join(" -o ")} \\)`;

/**
 * One find(1) removes everything and tells which logs the shell is to empty. Names with line breaks are emptied by a
 * program. What it says is that of BusyBox's find too.
 */
const FIND = [
	// the slash: it may be a link
	`find "$@" ${CLEANED_PLACES.map((place) => `${place}/`).join(" ")} -xdev -depth`,
	`${anyOf(
		"-path",
		CLEANED_PLACES.map((place) => `${place}/`),
	)} -o`,
	`\\( ! -path '/var/log/*' -o ${anyOf("-path", REMOVED_LOGS)} -o -type f ${anyOf(
		"-name",
		OLD_LOGS.map((ending) => `*${ending}`),
	)} \\) -delete -o`,
	`-type f -size +0 \\( -name '*\n*' -exec truncate -c -s 0 {} + -o -print \\)`,
].join(" ");

/** cloud-init starts anew; scripts and seeds that the user placed stay. It leaves a key file even without a key. */
const clean = (buildFiles: readonly string[]): string => `set --
for entry in ${[...buildFiles, ...PACKAGE_CACHES, ...REMOVED].join(" ")}; do
	[ ! -e "$entry" ] && [ ! -L "$entry" ] || set -- "$@" "$entry"
done
[ -L /var/lib/dbus/machine-id ] || [ ! -e /var/lib/dbus/machine-id ] || set -- "$@" /var/lib/dbus/machine-id
for entry in /var/lib/cloud/* /var/lib/cloud/.[!.]*; do
	case $entry in */seed|*/scripts|*'*') ;; *) set -- "$@" "$entry" ;; esac
done
[ -s /root/.ssh/authorized_keys ] || [ ! -e /root/.ssh/authorized_keys ] || set -- "$@" /root/.ssh/authorized_keys
for file in /etc/sysconfig/network-scripts/ifcfg-*; do
	[ -f "$file" ] || continue
	case $(cat "$file") in *"Created by cloud-init"*) set -- "$@" "$file" ;; esac
done
: > /etc/machine-id
[ ! -e /etc/hostname ] || echo localhost > /etc/hostname
if [ -f /etc/resolv.conf ] && [ ! -L /etc/resolv.conf ]; then
	while read -r line; do
		case $line in "nameserver 10.0.2.3"*) : > /etc/resolv.conf; break ;; esac
	done < /etc/resolv.conf
fi
IFS='
'
set -f
for log in $(${FIND}); do
	# a special command would end the shell where it fails
	command : > "$log"
done
set +f
unset IFS
${rmdir(buildFiles)}`;

/** The folders that the build's files lay in, where those were all. */
function rmdir(files: readonly string[]): string {
	return foldersOf(files)
		.map((folder) => `[ -e ${folder}/* ] 2>/dev/null || rmdir ${folder} 2>/dev/null\n`)
		.join("");
}

function foldersOf(paths: readonly string[]): string[] {
	return [...new Set(paths.map((path) => path.slice(0, path.lastIndexOf("/"))))];
}

/** Free blocks of ext2 to ext4 and FAT are cleared from outside (free-blocks.ts); others give back what they can. */
const TRIM_SCRIPT = forEachDisk(`	case $type in
		ext[234]|vfat) ;;
		# what was deleted is free once it is on the disk
		*) sync; fstrim "$point" 2>/dev/null ;;
	esac`);

const NEEDS_FIND = `command -v find >/dev/null || {
	echo "what is to be removed cannot be found: the machine has no find(1), of findutils or BusyBox"
	exit
}
`;

/** Brings configuration into the guest and removes everything that is this machine's alone. */
export function cleanScript(options: SealOptions): string {
	return [
		"set -u\n",
		NEEDS_FIND,
		DETACH_SCRIPT,
		`detach ${CACHE_PLACES.join(" ")}\n`,
		// most of the work of the cleaning, and nothing that a service needs: on another processor, where there is one
		`${REMOVE_MOST} &\nremoving=$!\n`,
		STOP_SCRIPT,
		`(\nset -e\n${configScript(options.config)}) &\nconfiguring=$!\n`,
		END_SCRIPT,
		QUIESCE_SCRIPT,
		"wait $configuring || exit 1\nwait $removing\n",
		`detach ${CLEANED_PLACES.join(" ")}\n`,
		READ_DISKS,
		clean(options.buildFiles),
		GONE_SCRIPT,
		TRIM_SCRIPT,
	].join("");
}

/** All of sealing. Prints what the image holds (see contents.ts), and what is left nevertheless (see residue.ts). */
export function sealScript(options: SealOptions): string {
	return `${contentsScript()}${cleanScript(options)}${HOLD_SCRIPT}${residueScript()}`;
}

/**
 * The same for the program that waits in a guest (guest/agent/seal-program.ts), which does it in a third of the time, or
 * leaves it to the script: rows of words with tabs between, and after a NUL the shell's part.
 */
export function sealRequest({ config, buildFiles }: SealOptions): string {
	const rows = [
		...QUIET_ROWS,
		["mounts", ...CACHE_PLACES],
		["cache", ...PACKAGE_CACHES],
		["clean", ...CLEANED_PLACES],
		["remove", ...buildFiles, ...REMOVED],
		["folder", ...foldersOf(buildFiles)],
		["log", ...REMOVED_LOGS],
		["old", ...OLD_LOGS],
		CONTENTS_ROW,
		["still", STILL],
		["looked", LOOKED],
		...RESIDUE_ROWS,
	];
	return `${rows.map((row) => row.join("\t")).join("\n")}\0set -eu\n${configScript(config)}`;
}
