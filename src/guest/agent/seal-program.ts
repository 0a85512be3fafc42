/**
 * The part of the program in the guest (program.ts) that seals it as image/seal.ts has a shell do. In an emulated guest the
 * start of a program takes longer than its work, and dash reads files byte by byte. It does the usual: systemd with cgroup
 * v2, ext4 and FAT. Where something else is found it leaves everything to the shell, from the beginning. What to remove and
 * to look for it is told (image/seal.ts).
 */
import { HOLD } from "./hold-program.ts";
import { QUIET } from "./quiet-program.ts";

export const SEAL = `
# a shell is to do it, and says what is wrong
class Unusual(Exception):
    pass


${QUIET.trim()}


${HOLD.trim()}


def seal(text, tell):
    told, _, script = text.partition(b"\\x00")
    table = [row.split("\\t") for row in told.decode().split("\\n")]
    # of the rows of these two kinds there are several
    residues = [row for row in table if row[0] in ("residue", "below")]
    plan = {key: words for key, *words in table}
    held, shell, quiet, still = [], None, False, False
    try:
        enter(THEIRS)
        # of kinds that it knows; once more when some are taken away
        mounted()
        require(os.path.exists(MANAGER))
        # the configuration: on another processor, where there is one
        shell = spawn(b"/bin/sh", [b"sh", b"-c", script], ENVIRONMENT, [])
        plain = [b"/" + unit.encode() for unit in plan["plain"]]
        stop_services(plan, plain)
        quiet = True
        write(MANAGER, b"1")
        asked, killed = end_processes(plain, shell)
        # most of what is removed, while processes end
        detach(plan["mounts"])
        remove_all(plan["cache"])
        remove_cloud_state()
        lasting = left_of(asked)
        end(lasting)
        require(not left_of(killed + lasting))
        configured, shell = shell, None
        require(os.waitpid(configured, 0)[1] == 0)
        detach(plan["clean"])
        clean(plan)
        disks = mounted()
        hold(disks, held)
        unclean = file_systems(disks)
        tell(contents(*plan["contents"]) + plan["still"][0].encode() + b"\\n")
        still = True
        for what, found in (*unclean, *residue(residues)):
            tell(os.fsencode("%s: %s\\n" % (what, found)))
        tell(plan["looked"][0].encode() + b"\\n")
        return True
    except Exception as error:
        # nobody may write any more
        if still:
            tell(os.fsencode("what could not be looked at: %s\\n" % error))
            return True
        if shell is not None:
            os.waitpid(shell, 0)
        for fd in held:
            thaw(fd)
        if quiet:
            write(MANAGER, b"0")
        return False
    finally:
        for fd in held:
            os.close(fd)
        try:
            enter(OURS)
        except OSError:
            os._exit(1)


def require(usual):
    if not usual:
        raise Unusual


def content(path):
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        data = b""
        while True:
            # of a file of the kernel's a part at a time, however much is asked for
            piece = os.read(fd, PIECE)
            if not piece:
                return data
            data += piece
    except OSError:
        return b""
    finally:
        os.close(fd)


def write(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


# "*" stands for any characters
def fits(name, pattern):
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    if not name.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(name) - at >= len(others[-1]) and name.endswith(others[-1])


# what the shell finds by the pattern
def found(pattern):
    if "*" not in pattern:
        return [pattern] if os.path.lexists(pattern) else []
    folder, _, last = pattern.rpartition("/")
    paths = []
    for one in found(folder):
        if "*" not in last:
            paths += found(one + "/" + last)
            continue
        try:
            names = os.listdir(one)
        except OSError:
            continue
        paths += [one + "/" + name for name in names if fits(name, last) and (last[0] == "." or name[0] != ".")]
    return paths


# everything in the folder, which may be a link, and on its file system; what lies in a folder before that
def below(folder, device=None):
    try:
        if device is None:
            device = os.stat(folder).st_dev
        entries = list(os.scandir(folder))
    except OSError as error:
        require(error.errno != ENAMETOOLONG)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device:
            yield from below(entry.path, device)
        yield entry


# asm-generic/errno.h: find(1) gets there step by step
ENAMETOOLONG = 36


# what stays nevertheless is found later
def attempt(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        require(error.errno != ENAMETOOLONG)


def drop(entry):
    attempt(os.rmdir if entry.is_dir(follow_symlinks=False) else os.unlink, entry.path)


def remove(path):
    if not os.path.isdir(path) or os.path.islink(path):
        return attempt(os.unlink, path)
    for entry in below(path):
        drop(entry)
    attempt(os.rmdir, path)


def remove_all(patterns):
    for pattern in patterns:
        for path in found(pattern):
            remove(path)


def remove_cloud_state():
    for path in found("/var/lib/cloud/*") + found("/var/lib/cloud/.*"):
        if os.path.basename(path) not in ("seed", "scripts"):
            remove(path)


def clean(plan):
    remove_all(plan["remove"])
    for path in plan["folder"]:
        attempt(os.rmdir, path)
    if not os.path.islink(DBUS_ID):
        attempt(os.unlink, DBUS_ID)
    if os.path.exists(KEYS) and os.path.getsize(KEYS) == 0:
        attempt(os.unlink, KEYS)
    for path in found("/etc/sysconfig/network-scripts/ifcfg-*"):
        if b"Created by cloud-init" in content(path):
            attempt(os.unlink, path)
    write("/etc/machine-id", b"")
    if os.path.exists("/etc/hostname"):
        write("/etc/hostname", b"localhost\\n")
    if resolver_is_ours():
        write(RESOLVER, b"")
    *folders, logs = plan["clean"]
    for folder in folders:
        for entry in below(folder):
            drop(entry)
    for entry in below(logs):
        file = entry.is_file(follow_symlinks=False)
        if any(fits(entry.path, pattern) for pattern in plan["log"]):
            drop(entry)
        elif file and entry.name.endswith(tuple(plan["old"])):
            attempt(os.unlink, entry.path)
        elif file and entry.stat().st_size > 0:
            attempt(os.truncate, entry.path, 0)


DBUS_ID, KEYS, RESOLVER = "/var/lib/dbus/machine-id", "/root/.ssh/authorized_keys", "/etc/resolv.conf"


def resolver_is_ours():
    return not os.path.islink(RESOLVER) and (b"\\n" + content(RESOLVER)).find(b"\\nnameserver 10.0.2.3") >= 0


def contents(folder, mark, most):
    text = b""
    for path in found(folder + "/*/*"):
        name = path[len(folder) + 1 :]
        plain = all(letter.isascii() and (letter.isalnum() or letter in "._/-") for letter in name)
        if plain and os.path.isfile(path) and not os.path.islink(path):
            rows = content(path).split(b"\\n")
            for row in (rows if rows[-1] else rows[:-1])[: int(most)]:
                text += b"%s %s:%s\\n" % (mark.encode(), name.encode(), row)
    return text


def residue(rows):
    for kind, what, *words in rows:
        yield from ((what, path) for path in (found(words[0]) if kind == "residue" else lying(*words)))
    for word in content("/etc/machine-id").decode("latin-1").split("\\n"):
        if word not in ("", "uninitialized"):
            yield "a machine id", word
    if os.path.exists(DBUS_ID) and not os.path.islink(DBUS_ID):
        yield "a D-Bus machine id", DBUS_ID
    if resolver_is_ours():
        yield "the build's resolver", RESOLVER


def lying(kind, endings, *roots):
    for root in roots:
        for entry in below(root):
            if kind != "any" and not entry.is_file(follow_symlinks=False):
                continue
            if kind == "text" and entry.stat().st_size == 0:
                continue
            if entry.name.endswith(tuple(endings.split(" "))):
                yield entry.path
`;
