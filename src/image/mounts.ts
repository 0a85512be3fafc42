/**
 * The disks that are mounted, for `sh`. Pure texts. A program reads the file and the shell cuts it up: dash's own `read`
 * asks the kernel for every byte, which takes a tenth of a second where the guest is emulated.
 */

/**
 * Sets $disks: "device point type options" and a line break for each, the last mounted first; spaces in them are "\040",
 * see proc_mounts(5).
 */
export const READ_DISKS = `disks=
newline='
'
IFS=$newline
set -f
for line in $(cat /proc/mounts); do
	case $line in /dev/*) disks=$line$newline$disks ;; esac
done
set +f
unset IFS
`;

/**
 * A loop over $disks.
 * @param body lines that may use $device, $point, $type and $options. They run without globbing; the positional
 * parameters are gone afterwards.
 */
export function forEachDisk(body: string): string {
	return `set -f
IFS=$newline
for line in $disks; do
	unset IFS
	set -- $line
	device=$1 point=$2 type=$3 options=$4
${body}
done
unset IFS
set +f
`;
}

/**
 * `detach PLACE...`: what is mounted at or below one of these folders goes, so that whoever removes what lies there finds what
 * is on the disk, and nothing else: a file system in memory would hide it, and behind a bind mount lie somebody else's files
 * (mountinfo in proc_pid_mountinfo(5)). A disk that is mounted there and nowhere else stays.
 */
export const DETACH_SCRIPT = `newline='
'
detach() {
	set -f
	mounts=$(cat /proc/self/mountinfo 2>/dev/null)
	for place in "$@"; do
		cd -P "$place" 2>/dev/null || continue
		place=$PWD elsewhere=" " points=
		IFS=$newline
		for line in $mounts; do
			unset IFS
			set -- $line
			case $5 in "$place"|"$place"/*) ;; *) elsewhere="$elsewhere$3 " ;; esac
		done
		IFS=$newline
		for line in $mounts; do
			unset IFS
			set -- $line
			case $5 in "$place"|"$place"/*) ;; *) continue ;; esac
			case \${line#* - } in
				*" /dev/loop"*) ;;
				*" /dev/"*) case $elsewhere in *" $3 "*) ;; *) [ "$4" != / ] || continue ;; esac ;;
			esac
			# what was mounted later hides what was before
			points=$5$newline$points
		done
		IFS=$newline
		for point in $points; do
			umount -l "$(printf %b "$point")" 2>/dev/null
		done
		unset IFS
	done
	unset IFS
	set +f
	cd /
}
`;
