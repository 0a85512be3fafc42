/** What must not be on a sealed disk: a table, checked while the disk is read-only and its caches are dropped. */

interface Residue {
	readonly description: string;
	/** Shell that prints what is left; nothing when all is well. */
	readonly script: string;
}

const RESIDUES: readonly Residue[] = [
	{ description: "SSH host keys", script: "ls /etc/ssh/ssh_host_*_key 2>/dev/null" },
	{ description: "a machine id", script: "grep -v -x -e '' -e uninitialized /etc/machine-id" },
	{
		description: "a D-Bus machine id",
		script: "[ -L /var/lib/dbus/machine-id ] || cat /var/lib/dbus/machine-id 2>/dev/null",
	},
	{ description: "cloud-init's state", script: "ls -d /var/lib/cloud/instance /var/lib/cloud/instances 2>/dev/null" },
	{
		description: "cloud-init's network configuration",
		script: "ls /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init* 2>/dev/null",
	},
	{ description: "the build's access", script: "ls /etc/systemd/system-generators/nodebuild 2>/dev/null" },
	{ description: "a random seed", script: "ls /var/lib/systemd/random-seed 2>/dev/null" },
	{ description: "package lists", script: "find /var/lib/apt/lists -type f 2>/dev/null | head -n 3" },
	{
		description: "package caches",
		script:
			"find /var/cache/apt/archives /var/cache/dnf /var/cache/yum -type f \\( -name '*.deb' -o -name '*.rpm' \\) 2>/dev/null | head -n 3",
	},
	{ description: "logs", script: "find /var/log -xdev -type f -size +0 2>/dev/null | head -n 3" },
	{ description: "temporary files", script: "find /tmp /var/tmp -xdev -mindepth 1 2>/dev/null | head -n 3" },
	{ description: "shell history", script: "ls /root/.bash_history /home/*/.bash_history 2>/dev/null" },
	{
		description: "the build's resolver",
		script: "[ -L /etc/resolv.conf ] || grep '^nameserver 10\\.0\\.2\\.3' /etc/resolv.conf 2>/dev/null",
	},
	{
		description: "an unclean file system",
		script: `if command -v dumpe2fs >/dev/null; then
	while read -r device point type rest; do
		[ "$type" = ext4 ] || continue
		case $device in /dev/*) ;; *) continue ;; esac
		dumpe2fs -h "$device" 2>/dev/null | grep -e '^Filesystem features:.*needs_recovery' -e '^Filesystem features:.*orphan_present' -e '^First orphan inode:' -e '^Filesystem state: *not clean'
	done < /proc/mounts
fi`,
	},
];

/** Prints one line for each residue found, `description: what`; exits 0 always. */
export function residueScript(): string {
	return RESIDUES.map(
		({ description, script }) =>
			`( ${script}\n) | while IFS= read -r line; do printf '%s: %s\\n' '${description.replaceAll("'", "'\\''")}' "$line"; done\n`,
	).join("");
}
