/** Mounting the root file system of another machine's disk. */

/**
 * Defines `mount_root DEVICE DIRECTORY`, which mounts it read-only, whatever partition it is on, with the file systems
 * that its fstab has below it. The disk is a copy of one that the machine may run from: XFS refuses equal ids unless
 * told not to mind. A disk without partitions is taken as a whole.
 */
export const MOUNT_ROOT = `mount_type() {
	case $1 in
	ext[234]) mount -t ext4 -o "$2" "$3" "$4" ;;
	xfs) mount -t xfs -o "$2,nouuid" "$3" "$4" ;;
	btrfs) mount -t btrfs -o "$2" "$3" "$4" ;;
	esac
}
mount_partition() {
	for type in ext4 xfs btrfs; do
		mount_type $type ro "/dev/$1" "$2" 2>/dev/null || continue
		[ ! -d "$2/etc" ] && [ -n "$parts" ] || return 0
		for volume in root @ @rootfs; do
			[ -d "$2/$volume/etc" ] && umount "$2" && mount_type $type "ro,subvol=$volume" "/dev/$1" "$2" && return 0
		done
		umount "$2"
	done
	return 1
}
mount_below() {
	while read -r spec point type options rest; do
		case $type:$point in ext[234]:/?* | xfs:/?* | btrfs:/?*) ;; *) continue ;; esac
		case $spec in
		UUID=*) tag=UUID ;; LABEL=*) tag=LABEL ;;
		PARTUUID=*) tag=PART_ENTRY_UUID ;; PARTLABEL=*) tag=PART_ENTRY_NAME ;;
		*) continue ;;
		esac
		value=$(echo "\${spec#*=}" | tr -d '"')
		volume=
		case $options in *subvol=*) volume=\${options##*subvol=}; volume=,subvol=\${volume%%,*} ;; esac
		for part in $parts; do
			[ "$(blkid -p -o value -s "$tag" "/dev/$part")" = "$value" ] || continue
			[ ! -d "$1$point" ] || mount_type "$type" "ro$volume" "/dev/$part" "$1$point" || return 1
			break
		done
	done < "$1/etc/fstab"
}
mount_root() {
	name=\${1#/dev/}
	mkdir -p "$2"
	for try in $(seq 50); do
		parts=$(for size in /sys/block/$name/$name*/size; do
			[ -e "$size" ] || continue
			read -r sectors < "$size"
			part=\${size%/size}
			echo "$sectors \${part##*/}"
		done | sort -rn | cut -d ' ' -f 2)
		for part in \${parts:-$name}; do
			mount_partition "$part" "$2" || continue
			[ ! -f "$2/etc/fstab" ] || [ -z "$parts" ] || mount_below "$2" || return 1
			return 0
		done
		sleep 0.1
	done
	echo "no root file system on $1" >&2
	return 1
}
`;
