/**
 * Sealing: a machine becomes a disk that may be cloned many times. Pure texts; build/seal.ts runs them.
 * What is removed follows virt-sysprep(1) and cloud-init's own `clean`.
 */
import type { ImageConfig } from "../plan/types.ts";
import { configScript } from "./config-files.ts";

/** Part of an image's key: raise it when sealing does something else. */
export const SEAL_VERSION = 2;

/** Where the build's generator lies; the machine's provider puts it there. */
export interface SealOptions {
	readonly config: ImageConfig;
	/** Files that the build itself brought. */
	readonly buildFiles: readonly string[];
}

/** Services that write end in their own order; what we stand on runs on. */
const STOP_SERVICES = `if command -v systemctl >/dev/null; then
	units=$(systemctl list-units --type=timer,path,socket,service --state=running,waiting,listening --plain --no-legend |
		sed 's/ .*//' | grep -v -E '^(nodebuild-sshd|dbus|systemd-|user@|getty@|serial-getty@|init\\.scope)')
	[ -z "$units" ] || systemctl stop $units
	systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket \\
		syslog.socket systemd-journald.service systemd-timesyncd.service 2>/dev/null
fi
`;

const CLEAN = `
# package managers' caches and lists
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/* /var/cache/apt/*.bin
rm -rf /var/cache/dnf/* /var/cache/yum/* /var/cache/libdnf5/* /var/cache/zypp/* /var/cache/apk/*
# identity of this machine
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
: > /etc/machine-id
[ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /var/lib/NetworkManager/secret_key
[ ! -e /etc/hostname ] || echo localhost > /etc/hostname
# cloud-init starts anew; scripts that the user placed stay
find /var/lib/cloud -mindepth 1 -maxdepth 1 ! -name seed ! -name scripts -exec rm -rf {} + 2>/dev/null
rm -f /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init /etc/network/interfaces.d/50-cloud-init.cfg
rm -f /etc/systemd/network/10-cloud-init-*.network /etc/NetworkManager/system-connections/cloud-init-*
rm -f /etc/udev/rules.d/70-persistent-net.rules /etc/udev/rules.d/85-persistent-net-cloud-init.rules
rm -f /etc/ssh/sshd_config.d/50-cloud-init.conf
grep -l 'Created by cloud-init' /etc/sysconfig/network-scripts/ifcfg-* 2>/dev/null | xargs -r rm -f
# leases and resolver of the build's network
rm -f /var/lib/dhcp/*.leases /var/lib/dhclient/*.lease* /var/lib/NetworkManager/*.lease /var/lib/dhcpcd/*.lease
rm -f /var/lib/NetworkManager/timestamps /var/lib/NetworkManager/seen-bssids
if [ -f /etc/resolv.conf ] && [ ! -L /etc/resolv.conf ] && grep -q '^nameserver 10\\.0\\.2\\.3' /etc/resolv.conf; then
	: > /etc/resolv.conf
fi
# cloud-init leaves this for root even where it has no key to put into it
[ -s /root/.ssh/authorized_keys ] || rm -f /root/.ssh/authorized_keys
# logs, history, temporary files, core dumps
rm -rf /var/log/journal/* /var/log/cloud-init*.log /var/log/installer
find /var/log -xdev -type f \\( -name '*.gz' -o -name '*.xz' -o -name '*.[0-9]' -o -name '*.old' \\) -delete
find /var/log -xdev -type f -size +0 -exec truncate -s 0 {} +
rm -f /root/.bash_history /root/.ash_history /root/.lesshst /root/.viminfo /root/.wget-hsts /root/.python_history
rm -f /home/*/.bash_history /home/*/.ash_history /home/*/.lesshst /home/*/.viminfo /home/*/.wget-hsts
rm -rf /var/lib/systemd/coredump/* /var/crash/*
find /tmp /var/tmp -xdev -mindepth 1 -delete
`;

/** Brings configuration into the guest and removes everything that is this machine's alone. */
export function sealScript(options: SealOptions): string {
	return [
		"set -u\n",
		`(\nset -e\n${configScript(options.config)})\n[ $? -eq 0 ] || exit 1\n`,
		STOP_SERVICES,
		CLEAN,
		...options.buildFiles.map((file) => `rm -f ${file}\nrmdir ${file.slice(0, file.lastIndexOf("/"))} 2>/dev/null\n`),
		"fstrim -a 2>/dev/null\nsync\nexit 0\n",
	].join("");
}

/**
 * Every file system read-only at once, through the kernel's emergency remount (sysrq "u"): nothing
 * can write after this, and ext4, XFS and btrfs leave a clean disk with nothing to replay. An orderly
 * power-off would write logs and a random seed again after the cleaning.
 */
export const REMOUNT_SCRIPT = `echo u > /proc/sysrq-trigger
for try in $(seq 200); do
	writable=$(while read -r device point type options rest; do
		case $device in /dev/*) ;; *) continue ;; esac
		case ,$options, in *,rw,*) echo "$point" ;; esac
	done < /proc/mounts)
	[ -z "$writable" ] && { echo 3 > /proc/sys/vm/drop_caches; exit 0; }
	sleep 0.05
done
echo "still writable: $writable" >&2
exit 1
`;

/**
 * Files that were removed while a process or a mount of a private /tmp still held them are on the
 * disk as orphans, which the next mount would have to clear. Our processes end with the machine,
 * so e2fsck(8) clears them: while it is read-only it may repair a mounted root, others with -f.
 */
export const ORPHANS_SCRIPT = `command -v e2fsck >/dev/null && command -v dumpe2fs >/dev/null || exit 0
while read -r device point type rest; do
	[ "$type" = ext4 ] || continue
	case $device in /dev/*) ;; *) continue ;; esac
	dumpe2fs -h "$device" 2>/dev/null | grep -q -e '^First orphan inode:' -e '^Filesystem features:.*orphan_present' || continue
	force=-f
	[ "$point" != / ] || force=
	said=$(e2fsck -p $force "$device" 2>&1)
	# 1: repaired; 2: a mounted file system was, which nobody uses any more
	[ $? -lt 4 ] || { echo "$said" >&2; exit 1; }
done < /proc/mounts
sync
`;
