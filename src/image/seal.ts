/**
 * Sealing: a machine becomes a disk that may be cloned many times. Pure texts; build/seal.ts runs them.
 * What is removed follows virt-sysprep(1) and cloud-init's own `clean`.
 */
import type { ImageConfig } from "../plan/types.ts";
import { configScript } from "./config-files.ts";
import { contentsScript } from "./contents.ts";
import { GONE_SCRIPT, QUIESCE_SCRIPT, STOP_SCRIPT } from "./quiesce.ts";
import { residueScript } from "./residue.ts";

/** Part of an image's key: raise it when sealing does something else. */
export const SEAL_VERSION = 5;

/** Where the build's generator lies; the machine's provider puts it there. */
export interface SealOptions {
	readonly config: ImageConfig;
	/** Files that the build itself brought. */
	readonly buildFiles: readonly string[];
}

/** Removed as they are, patterns of the shell among them; one program does it all. */
const REMOVED = [
	// package managers' caches and lists
	...["/var/lib/apt/lists/*", "/var/cache/apt/archives/*.deb", "/var/cache/apt/archives/partial/*"],
	...["/var/cache/apt/*.bin", "/var/cache/dnf/*", "/var/cache/yum/*", "/var/cache/libdnf5/*"],
	...["/var/cache/zypp/*", "/var/cache/apk/*"],
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
	// logs, histories, core dumps
	...["/var/log/journal/*", "/var/log/cloud-init*.log", "/var/log/installer"],
	...[".bash_history", ".ash_history", ".lesshst", ".viminfo", ".wget-hsts"].flatMap((name) => [
		`/root/${name}`,
		`/home/*/${name}`,
	]),
	...["/root/.python_history", "/var/lib/systemd/coredump/*", "/var/crash/*"],
];

/**
 * cloud-init starts anew; scripts and seeds that the user placed stay. It leaves a key file even without a key.
 * The two programs work side by side, on two processors where the machine has them.
 */
const clean = (buildFiles: readonly string[]): string => `set -- ${buildFiles.join(" ")} ${REMOVED.join(" ")}
[ -L /var/lib/dbus/machine-id ] || set -- "$@" /var/lib/dbus/machine-id
for entry in /var/lib/cloud/* /var/lib/cloud/.[!.]*; do
	case $entry in */seed|*/scripts) ;; *) set -- "$@" "$entry" ;; esac
done
[ -s /root/.ssh/authorized_keys ] || set -- "$@" /root/.ssh/authorized_keys
for file in /etc/sysconfig/network-scripts/ifcfg-*; do
	[ -f "$file" ] || continue
	case $(cat "$file") in *"Created by cloud-init"*) set -- "$@" "$file" ;; esac
done
# most logs lie here, and a shell empties them without a program
for log in /var/log/*; do
	[ ! -f "$log" ] || [ -L "$log" ] || [ ! -s "$log" ] || : > "$log"
done
{ rm -rf "$@"${rmdir(buildFiles)}; } &
: > /etc/machine-id
[ ! -e /etc/hostname ] || echo localhost > /etc/hostname
if [ -f /etc/resolv.conf ] && [ ! -L /etc/resolv.conf ]; then
	while read -r line; do
		case $line in "nameserver 10.0.2.3"*) : > /etc/resolv.conf; break ;; esac
	done < /etc/resolv.conf
fi
find /tmp /var/tmp /var/log -ignore_readdir_race -xdev -mindepth 1 \\( ! -path '/var/log/*' -delete -o -type f \\( \\
	\\( -name '*.gz' -o -name '*.xz' -o -name '*.[0-9]' -o -name '*.old' \\) -delete -o -size +0 -exec truncate -c -s 0 {} + \\) \\)
wait
`;

/** The folders that the build's files lay in, where those were all. */
function rmdir(files: readonly string[]): string {
	const folders = [...new Set(files.map((file) => file.slice(0, file.lastIndexOf("/"))))];
	return folders.length === 0 ? "" : `; rmdir ${folders.join(" ")} 2>/dev/null`;
}

/**
 * Every file system read-only at once, through the kernel's emergency remount (sysrq "u"): nothing
 * can write after this, and ext4, XFS and btrfs leave a clean disk with nothing to replay. An orderly
 * power-off would write logs and a random seed again after the cleaning. What is checked then is read from the disk.
 */
export const REMOUNT_SCRIPT = `echo u > /proc/sysrq-trigger
tries=0
while :; do
	writable=
	while read -r device point type options rest; do
		case $device in /dev/*) ;; *) continue ;; esac
		case ,$options, in *,rw,*) writable="$writable $point" ;; esac
	done < /proc/mounts
	[ -n "$writable" ] || break
	tries=$((tries + 1))
	[ $tries -lt 1000 ] || { echo "still writable:$writable" >&2; exit 1; }
	sleep 0.01
done
echo 2 > /proc/sys/vm/drop_caches
`;

/** Free blocks of ext2 to ext4 are cleared from outside, all of them (free-blocks.ts); others give back what they can. */
const TRIM_SCRIPT = `while read -r device point type rest; do
	case $device:$type in
		/dev/*:ext[234]) ;;
		# what was deleted is free once it is on the disk
		/dev/*) sync; fstrim "$point" 2>/dev/null ;;
	esac
done < /proc/mounts
`;

/** Brings configuration into the guest and removes everything that is this machine's alone. */
export function cleanScript(options: SealOptions): string {
	return [
		"set -u\n",
		`(\nset -e\n${configScript(options.config)}) &\nconfig=$!\n`,
		STOP_SCRIPT,
		"wait $config || exit 1\n",
		QUIESCE_SCRIPT,
		clean(options.buildFiles),
		GONE_SCRIPT,
		TRIM_SCRIPT,
	].join("");
}

/** All of sealing. Prints what the image holds (see contents.ts), and what is left nevertheless (see residue.ts). */
export function sealScript(options: SealOptions): string {
	return `${contentsScript()}${cleanScript(options)}${REMOUNT_SCRIPT}${residueScript()}`;
}
