/**
 * The part of the program in the guest (program.ts) that holds all file systems still and looks at what is on their disks:
 * what image/hold.ts and residue.ts have a shell do, for ext3, ext4 and FAT.
 */

export const HOLD = `
# linux/fs.h, sys/mount.h
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
MS_RDONLY, MS_REMOUNT, MNT_DETACH = 1, 32, 2

# proc_mounts(5)
ESCAPES = ((b"\\\\040", b" "), (b"\\\\011", b"\\t"), (b"\\\\012", b"\\n"), (b"\\\\134", b"\\\\"))


# device, where, type; the last mounted first, each device once
def mounted():
    disks = {}
    for row in reversed(content("/proc/mounts").split(b"\\n")):
        device, point, kind, options = (row.split(b" ") + 4 * [b""])[:4]
        if not device.startswith(b"/dev/") or b"ro" in options.split(b",") or device in disks:
            continue
        require(kind in (b"ext3", b"ext4", b"vfat"))
        disks[device] = (unescaped(point), kind)
    return disks


def unescaped(point):
    for code, letter in ESCAPES:
        point = point.replace(code, letter)
    return point


# see image/mounts.ts
def detach(places):
    rows = [row.split(b" ") for row in content("/proc/self/mountinfo").split(b"\\n") if row]
    for place in places:
        try:
            os.chdir(place)
            place = os.getcwdb()
        except OSError:
            continue
        inside = [row for row in rows if row[4] == place or row[4].startswith(place + b"/")]
        elsewhere = {row[2] for row in rows if row not in inside}
        # what was mounted later hides what was before
        for row in reversed(inside):
            source = row[row.index(b"-") + 2]
            disk = source.startswith(b"/dev/") and not source.startswith(b"/dev/loop")
            if not disk or row[3] != b"/" or row[2] in elsewhere:
                unmount(unescaped(row[4]))
    os.chdir("/")


def unmount(point):
    libc.umount2(point, MNT_DETACH)


# in turn: what may lie in a file of another one was mounted later
def hold(disks, held):
    for point, kind in disks.values():
        if kind == b"vfat":
            read_only(point)
        else:
            freeze(point, held)


def freeze(point, held):
    fd = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
    if libc.ioctl(fd, ctypes.c_ulong(FIFREEZE), 0) != 0:
        os.close(fd)
        raise Unusual
    held.append(fd)


def thaw(fd):
    libc.ioctl(fd, ctypes.c_ulong(FITHAW), 0)


def read_only(point):
    require(libc.mount(None, point, None, ctypes.c_ulong(MS_REMOUNT | MS_RDONLY), None) == 0)


# what image/residue.ts says of superblocks; where files are gone that somebody holds, e2fsck has work to do
def file_systems(disks):
    found = []
    for device, (_, kind) in disks.items():
        if kind != b"ext4":
            continue
        with open(device, "rb", 0) as disk:
            disk.seek(1024)
            words = struct.unpack("<59I", disk.read(236))
        require(words[58] == 0 and words[25] & 0x10000 == 0)
        if words[14] >> 16 != 1:
            found.append(("an unclean file system", "%s has the state %d" % (os.fsdecode(device), words[14] >> 16)))
        if words[24] & 4:
            found.append(("an unclean file system", "%s needs recovery" % os.fsdecode(device)))
    return found
`;
