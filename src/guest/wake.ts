/**
 * Shell that goes ahead of the first command of a guest that was frozen, perhaps long ago: its clock stands at the
 * freeze, and its kernel's random numbers would be its twins'. It gets bytes of the host's and is told to take new keys
 * of them: by itself it would do so up to a minute later, random(4). A VM generation id tells it the same, where the
 * kernel knows what that is (CONFIG_VMGENID, Linux 5.18; Debian's cloud kernels do not).
 */
export function wakeUp(): string {
	const now = (Date.now() / 1000).toFixed(3);
	const clock = `date -u -s @${now} >/dev/null || { echo "the machine's clock could not be set" >&2; exit 125; }`;
	return `${clock}\n{ python3 -c '${PYTHON}' || perl -e '${PERL}' || ${WRITTEN}; } >/dev/null 2>&1\n`;
}

/** RNDADDENTROPY and RNDRESEEDCRNG of linux/random.h, with what the host's device gives. */
const PYTHON = `
import fcntl, struct
with open("/dev/hwrng", "rb", 0) as source, open("/dev/urandom", "wb", 0) as pool:
    data = source.read(64)
    fcntl.ioctl(pool, 0x40085203, struct.pack("ii", 8 * len(data), len(data)) + data)
    fcntl.ioctl(pool, 0x5207)
`;
const PERL = `
open my $source, "<:raw", "/dev/hwrng" or exit 1;
open my $pool, ">:raw", "/dev/urandom" or exit 1;
sysread $source, my $data, 64 or exit 1;
my $given = pack("ii", 8 * length $data, length $data) . $data;
ioctl($pool, 0x40085203, $given) && ioctl($pool, 0x5207, 0) or exit 1;
`;
/** The best that can be done without either. */
const WRITTEN = "dd if=/dev/hwrng of=/dev/urandom bs=64 count=1";
