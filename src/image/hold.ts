/**
 * No file system takes a write any more, and none has anything to replay. An orderly power-off would write logs and a
 * random seed again after the cleaning. Pure texts; they need what READ_DISKS sets.
 */
import { forEachDisk } from "./mounts.ts";

/**
 * The kernel's emergency remount (sysrq "u") makes all file systems read-only at once; ext4, XFS and btrfs are clean
 * then. It throws all names away that the kernel has of them, which takes half a second where a guest is emulated.
 */
export const REMOUNT_SCRIPT = `remount() {
	echo u > /proc/sysrq-trigger
	tries=0
	while :; do
		mounts=$(cat /proc/mounts)
		writable=
${forEachDisk(`		case $mounts in *" $point $type rw"[,\\ ]*) writable="$writable $point" ;; esac`)}
		[ -n "$writable" ] || break
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "still writable:$writable" >&2; exit 1; }
		sleep 0.05
	done
}
`;

/**
 * ext3 and ext4 are frozen (FIFREEZE, fs/ext4/super.c: the journal is flushed and the flag that asks for recovery
 * cleared), FAT is remounted. Where there are others, or something does not work, there is the emergency remount. XFS
 * leaves a dirty log when it is frozen, so that what it keeps of removed files is recovered. Partitions all at once, since
 * most of it is the start of programs; but what may lie in a file of another one, in turn, the last mounted first.
 */
export const HOLD_SCRIPT = `${REMOUNT_SCRIPT}
thaw() {
	for point in $frozen; do
		fsfreeze -u "$(printf %b "$point")"
	done
	frozen=
}
hold() {
	held= holding= well=1
${forEachDisk(`	case ,$options, in *,ro,*) continue ;; esac
	case " $held " in *" $device "*) continue ;; esac
	held="$held $device"
	at=$point
	case $at in *\\\\*) at=$(printf %b "$at") ;; esac
	case $type in
		ext[34]) fsfreeze -f "$at" & holding="$holding $!=$point" ;;
		vfat) mount -o remount,ro "$at" & holding="$holding $!=" ;;
		*) well=0; break ;;
	esac
	case $device in /dev/[sv]d*|/dev/nvme*) ;; *) held_all ;; esac`)}	held_all
	[ $well = 1 ]
}
held_all() {
	for one in $holding; do
		wait "\${one%%=*}" && frozen="$frozen \${one#*=}" || well=0
	done
	holding=
}
frozen=
hold 2>/dev/null || { thaw; remount; }
`;
