/**
 * What we bring into a machine: an sshd of our own that no step of a Nodefile can break.
 *
 * It runs in a network namespace that holds nothing but the management card, and in a mount
 * namespace with a private /etc: its keys never lie on the guest's disk or in its visible files,
 * and hardening (firewalls, PAM, sshd_config, a locked root, /etc/passwd edited) cannot lock us
 * out. Commands are run in the namespaces of process 1, see guest/command.ts.
 */
import {
	ATTACHED_MODEL,
	GENERATOR_PATH,
	MANAGEMENT_ADDRESS,
	MANAGEMENT_MAC,
	TOOLS_SERIAL,
	UNIT_NAME,
} from "./names.ts";

/** Shell that sets $disk to the block device with the tools archive; one line, no single quotes. */
const FIND_TOOLS = `for entry in /sys/block/*; do [ "$(cat "$entry/serial" 2>/dev/null)" = ${TOOLS_SERIAL} ] && disk=/dev/\${entry##*/}; done`;

/** Starts our sshd; used by the unit and, on a first boot, by cloud-init. */
const LAUNCH = `${FIND_TOOLS}; tar -xOf "$disk" start | exec unshare --net --mount --propagation slave /bin/sh -s "$disk"`;

/** As an argument of a service's command, where systemd expands `$` and `%` (systemd.service(5)). */
const LAUNCH_IN_UNIT = LAUNCH.replaceAll("$", "$$$$").replaceAll("%", "%%");

/** Copy of sshd, where only our mount namespace has it. Its processes have this name: it must not contain "sshd". */
const ACCESS_PROGRAM = "/run/machine-access";
const ACCESS_CONFIG = "/etc/ssh/config";

/**
 * A file in the archive: commands of ours run without address space layout randomization (ADDR_NO_RANDOMIZE, personality(2)),
 * which they inherit and services that systemd starts do not. docs/adr/0013-programs-at-fixed-addresses.md has the figures.
 */
export const FIXED_ADDRESSES = "fixed-addresses";

/** Runs in the new namespaces; `$1` is the device of the tools archive. */
export const START_SCRIPT = `set -eu
disk=$1
nic=
while [ -z "$nic" ]; do
	for file in /sys/class/net/*/address; do
		[ "$(cat "$file" 2>/dev/null)" = ${MANAGEMENT_MAC} ] || continue
		nic=\${file%/address}
		nic=\${nic##*/}
		# udev may be renaming the card at this moment: look again
		nsenter -t 1 -n ip link set "$nic" netns $$ 2>/dev/null || nic=
	done
	[ -n "$nic" ] || sleep 0.1
done
# disks that are attached later are ours alone: no links by their labels, which are those of the machine's own disk
nsenter -t 1 -m /bin/sh -s <<'RULE' || true
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/00-nodebuild.rules <<'END'
SUBSYSTEM=="block", ATTRS{model}=="${ATTACHED_MODEL}*", ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}="1", ENV{SYSTEMD_READY}="0", OPTIONS+="nowatch"
END
udevadm control --reload
# now, in the background: not when the first disk is waited for
modprobe -a virtio_scsi sd_mod 2>/dev/null &
RULE
ip link set lo up
ip addr add ${MANAGEMENT_ADDRESS}/24 dev "$nic"
ip link set "$nic" up
mount -t tmpfs -o mode=755 tmpfs /etc
tar -xf "$disk" -C /etc
for file in ld.so.cache ld-musl-x86_64.path ssl/openssl.cnf pki/tls/openssl.cnf selinux/config; do
	if nsenter -t 1 -m test -f "/etc/$file"; then
		mkdir -p "/etc/\${file%/*}" 2>/dev/null || true
		nsenter -t 1 -m cat "/etc/$file" > "/etc/$file" || true
	fi
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /var/empty 2>/dev/null || true
# copies with other names, and none of their arguments: a step may end every sshd, by name, command line or program
program=/usr/sbin/sshd config=${ACCESS_CONFIG}
if cp "$program" ${ACCESS_PROGRAM} && cp "$config" "$config-own"; then
	program=${ACCESS_PROGRAM} config=$config-own
	for folder in /usr/lib/openssh /usr/libexec/openssh /usr/libexec/ssh /usr/lib/ssh; do
		for part in session auth; do
			# programs of their own since OpenSSH 9.8 and 10.0; with the keywords that name them
			grep -q -a -i "sshd$part"path "$folder/sshd-$part" 2>/dev/null || continue
			cp "$folder/sshd-$part" "$program-$part" && echo "Sshd$part"Path "$program-$part" >> "$config" || true
		done
	done
	chmod 755 "$program"*
fi
# Emulation translates a program anew for each place where it lies: steps' programs lie where they always do.
fixed=
if [ -e /etc/${FIXED_ADDRESSES} ] && setarch x86_64 -R true 2>/dev/null; then fixed="setarch x86_64 -R"; fi
# where it was ended all the same: begin anew, so that it can be told what became of the step
trap 'kill "$access"; exit 0' TERM
while :; do
	# -r: a connection is served by a copy of this process, not by the program started anew (until OpenSSH 9.7)
	$fixed "$program" -D -e -r -f "$config" < /dev/null &
	access=$! status=0
	wait "$access" || status=$?
	# it does not run here under another name
	case $status in 1|126|127|255) fixed= program=/usr/sbin/sshd config=${ACCESS_CONFIG} ;; esac
	sleep 0.5
done
`;

/** Sockets are forwarded for RUN --mount=type=ssh, which sshd refuses where it may not forward ports either. */
export const SSHD_CONFIG = `Port 22
ListenAddress ${MANAGEMENT_ADDRESS}
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
ChallengeResponseAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
PidFile none
LogLevel ERROR
MaxSessions 100
AllowTcpForwarding remote
AllowStreamLocalForwarding remote
X11Forwarding no
`;

export const PASSWD = `root:x:0:0:root:/root:/bin/sh
sshd:x:65533:65533:sshd:/run/sshd:/usr/sbin/nologin
`;
export const SHADOW = `root:*:19000:0:99999:7:::
sshd:*:19000:0:99999:7:::
`;
export const GROUP = `root:x:0:
tty:x:5:
sshd:x:65533:
`;
export const NSSWITCH = `passwd: files
group: files
shadow: files
`;

/**
 * Units that would disturb a build: package managers' own jobs take locks and change files,
 * tmpfiles-clean deletes from /tmp after a clock jump, tmp.mount hides /tmp of earlier layers.
 */
const DISTURBING = [
	...["apt-daily.timer", "apt-daily.service", "apt-daily-upgrade.timer", "apt-daily-upgrade.service"],
	...["unattended-upgrades.service", "packagekit.service", "dnf-makecache.timer", "dnf-makecache.service"],
	...["dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer", "man-db.timer"],
	...["dpkg-db-backup.timer", "logrotate.timer", "fstrim.timer", "e2scrub_all.timer", "snapd.seeded.service"],
	...["systemd-tmpfiles-clean.timer", "tmp.mount"],
];

/** Once it has run on a machine's first boot, cloud-init has nothing to do while it is being built. */
const CLOUD_INIT = [
	...["cloud-init-local.service", "cloud-init.service", "cloud-init-main.service", "cloud-init-network.service"],
	...["cloud-config.service", "cloud-final.service", "cloud-init-hotplugd.socket"],
];

/** systemd.generator(7): runs at each boot, writes to /run only. */
export const GENERATOR = `#!/bin/sh
# Part of a build in progress (nodebuild); sealing the image removes this file.
normal=$1 early=$2
for unit in ${DISTURBING.join(" ")}; do
	ln -sf /dev/null "$early/$unit"
done
if [ ! -e /run/cloud-init/status.json ]; then
	for unit in ${CLOUD_INIT.join(" ")}; do
		ln -sf /dev/null "$early/$unit"
	done
fi
mkdir -p /run/tmpfiles.d "$normal/sysinit.target.wants"
printf 'q /tmp 1777 root root -\\nq /var/tmp 1777 root root -\\n' > /run/tmpfiles.d/tmp.conf
cat > "$normal/${UNIT_NAME}" <<'UNIT'
[Unit]
Description=Build access of nodebuild
DefaultDependencies=no
After=local-fs.target systemd-udev-trigger.service systemd-sysctl.service
[Service]
ExecStart=/bin/sh -c '${LAUNCH_IN_UNIT}'
Restart=on-failure
RestartSec=1
OOMScoreAdjust=-900
KillMode=process
UNIT
ln -sf "../${UNIT_NAME}" "$normal/sysinit.target.wants/${UNIT_NAME}"
`;

/** Shell that cloud-init runs early on the first boot of a machine that is to be built on. */
const FIRST_BOOT_BUILD = `${FIND_TOOLS}
mkdir -p ${GENERATOR_PATH.slice(0, GENERATOR_PATH.lastIndexOf("/"))}
tar -xOf "$disk" generator > ${GENERATOR_PATH}
chmod 755 ${GENERATOR_PATH}
# /tmp belongs to the layers: on the disk, as it will be from the second boot on
if grep -q '^[^ ]* /tmp tmpfs ' /proc/mounts; then umount -l /tmp; chmod 1777 /tmp; fi
systemctl daemon-reload
systemctl stop --no-block ${DISTURBING.filter((unit) => unit !== "tmp.mount").join(" ")} 2>/dev/null
systemctl start --no-block ${UNIT_NAME}
`;

/** The same for a throwaway machine: nothing is written to its disk. */
const FIRST_BOOT_RUN = `systemd-run --quiet --no-block --collect --unit=${UNIT_NAME} --property=KillMode=process /bin/sh -c '${LAUNCH_IN_UNIT.replaceAll("%%", "%")}'
`;

export type SeedPurpose = "build" | "run";

/** cloud-init's user-data. JSON is YAML, and quotes itself. */
export function userData(purpose: SeedPurpose): string {
	const build = {
		users: [],
		// Thrown away by sealing; RSA keys take seconds to make in an emulated guest.
		ssh_genkeytypes: ["ed25519"],
		locale: false,
		package_update: false,
		package_upgrade: false,
		apt: { preserve_sources_list: true },
		bootcmd: [["sh", "-c", FIRST_BOOT_BUILD]],
	};
	const throwaway = {
		// All else is as a platform would have it; an RSA key alone takes 6 s of an emulated boot.
		ssh_genkeytypes: ["ecdsa", "ed25519"],
		bootcmd: [["sh", "-c", FIRST_BOOT_RUN]],
	};
	return `#cloud-config\n${JSON.stringify(purpose === "build" ? build : throwaway, undefined, 1)}\n`;
}

export function metaData(instance: string, hostname: string): string {
	return `${JSON.stringify({ "instance-id": instance, "local-hostname": hostname })}\n`;
}
