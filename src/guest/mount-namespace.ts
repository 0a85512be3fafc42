/**
 * A mount namespace for one command: a copy of the machine's in which more can be mounted. It is kept by a file that
 * only our sshd's namespaces have, so no process of ours has to hold it, and it is gone with that file.
 */
import { randomBytes } from "node:crypto";
import { NodebuildError } from "../errors.ts";
import { quote } from "./command.ts";
import type { Guest, Place } from "./types.ts";

export interface MountNamespace {
	/** For the commands that are to run in it. */
	readonly place: Place;
	/**
	 * End whatever still runs in it, or uses one of the block devices elsewhere; unmount everything; wait until the
	 * devices are free. A machine that has been rebooted has nothing left of it.
	 * @throws NodebuildError MACHINE_LOST when a device stays in use.
	 */
	close(devices: readonly string[]): Promise<void>;
}

/**
 * Mounts that the machine makes meanwhile appear in it, its own appear nowhere else (propagation: slave). Until it is
 * a program of its own that holds it, the new namespace may still share its mounts with the machine's: so wait for that.
 */
const OPEN = `set -e
: > "$file"
nsenter -t 1 -m unshare --mount --propagation slave sleep 300 >/dev/null 2>&1 &
holder=$!
name=
tries=0
while [ "$name" != sleep ]; do
	tries=$((tries + 1))
	[ $tries -lt 500 ] || { echo "no new mount namespace" >&2; exit 1; }
	sleep 0.02
	read -r name < /proc/$holder/comm
done
mount --bind /proc/$holder/ns/mnt "$file"
readlink /proc/$holder/ns/mnt
kill $holder
wait $holder 2>/dev/null || true
`;

/** $id: the namespace; $devices: names of block devices. After a reboot there is no $file, and $id may be another's. */
const CLOSE = `[ -e "$file" ] || exit 0
users() {
	ls -l /proc/[0-9]*/ns/mnt 2>/dev/null | sed -n "s|.* /proc/\\([0-9]*\\)/ns/mnt -> $id\\$|\\1|p"
	for device in $devices; do
		read -r number < "/sys/class/block/$device/dev" || continue
		grep -l "^[0-9]* [0-9]* $number " /proc/[0-9]*/mountinfo 2>/dev/null | sed 's|^/proc/\\([0-9]*\\)/.*|\\1|'
	done
}
tries=0
while left=$(users) && [ -n "$left" ] && [ $tries -lt 100 ]; do
	kill -9 $left 2>/dev/null
	tries=$((tries + 1))
	sleep 0.05
done
umount -l "$file"
rm -f "$file"
for device in $devices; do
	tries=0
	while [ -e "/sys/fs/ext4/$device" ] || [ -e "/sys/fs/xfs/$device" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo "$device" >&2; exit 1; }
		sleep 0.05
	done
done
`;

/** @throws NodebuildError MACHINE_LOST when the machine cannot make one. */
export async function openMountNamespace(guest: Guest): Promise<MountNamespace> {
	const file = `/run/mounts-${randomBytes(6).toString("hex")}`;
	const assigned = `file=${quote(file)}\n`;
	const id = (await guest.script(assigned + OPEN, { place: "access" })).trim();
	if (!/^mnt:\[\d+\]$/.test(id))
		throw new NodebuildError({
			code: "MACHINE_LOST",
			message: `expected a mount namespace of the machine, got "${id}"`,
		});
	return {
		place: { mounts: file },
		async close(devices) {
			const names = devices.map((device) => device.replace(/^\/dev\//, "")).join(" ");
			const known = `id=${quote(id.replace(/[[\]]/g, "\\$&"))}\ndevices=${quote(names)}\n`;
			await guest.script(assigned + known + CLOSE, { place: "access" });
		},
	};
}
