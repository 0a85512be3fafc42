/**
 * Shell that goes ahead of the first command of a guest that was frozen, perhaps long ago: its clock stands at the
 * freeze, and its kernel's random numbers would be its twins'. Kernels since 5.18 are told by the VM generation id
 * that they are twins; others get bytes of the host's.
 */
export function wakeUp(): string {
	const now = (Date.now() / 1000).toFixed(3);
	const clock = `date -u -s @${now} >/dev/null || { echo "the machine's clock could not be set" >&2; exit 125; }`;
	const random = "dd if=/dev/hwrng of=/dev/urandom bs=64 count=1 2>/dev/null";
	return `${clock}\n[ -e /sys/bus/acpi/drivers/vmgenid ] || ${random}\n`;
}
