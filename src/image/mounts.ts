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
