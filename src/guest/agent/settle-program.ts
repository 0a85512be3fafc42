/**
 * The part of the program in the guest (program.ts) that settles it as reboot.ts has a shell do: three programs less to
 * start before each freeze. Nobody is served meanwhile. It asks systemd over systemctl's own socket; the messages are
 * those of the D-Bus specification ("Message Protocol"), the property is in org.freedesktop.systemd1(5).
 */

export const SETTLE = `
BOOT = "/proc/sys/kernel/random/boot_id"


# writes all caches to the disk; tells the boot, and whether a shutdown is under way; raises where it cannot ask
def settle(text, tell):
    with socket.socket(socket.AF_UNIX) as bus, open(BOOT, "rb") as boot:
        bus.settimeout(30)
        bus.connect(sys.argv[4])
        bus.sendall(b"\\x00AUTH EXTERNAL 30\\r\\nBEGIN\\r\\n")
        # it greets meanwhile; what comes together with the greeting it does not read until more comes
        os.sync()
        tell(boot.read() + system_state(bus) + b"\\n")
    return True


def system_state(bus):
    stream = bus.makefile("rb")
    if not stream.readline().startswith(b"OK "):
        raise OSError("refused")
    bus.sendall(question())
    while True:
        head = stream.read(16)
        kind, length, fields = head[1], *struct.unpack("<4xI4xI", head)
        stream.read(fields + -fields % 8)
        body = stream.read(length)
        if len(body) < length:
            raise OSError("cut short")
        # others are signals
        if kind == 2 and body[:3] == b"\\x01s\\x00":
            (size,) = struct.unpack_from("<I", body, 4)
            return body[8 : 8 + size]
        if kind == 3:
            raise OSError("no such property")


def question():
    fields = b""
    for code, kind, text in (
        (1, b"o", b"/org/freedesktop/systemd1"),
        (2, b"s", b"org.freedesktop.DBus.Properties"),
        (3, b"s", b"Get"),
        (6, b"s", b"org.freedesktop.systemd1"),
    ):
        fields = aligned(fields, 8) + bytes((code, 1)) + kind + b"\\x00" + string(text)
    fields = aligned(fields, 8) + b"\\x08\\x01g\\x00\\x02ss\\x00"
    body = aligned(string(b"org.freedesktop.systemd1.Manager"), 4) + string(b"SystemState")
    return aligned(b"l\\x01\\x00\\x01" + struct.pack("<III", len(body), 1, len(fields)) + fields, 8) + body


def string(text):
    return struct.pack("<I", len(text)) + text + b"\\x00"


def aligned(data, size):
    return data + bytes(-len(data) % size)
`;
