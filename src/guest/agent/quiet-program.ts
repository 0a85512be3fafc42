/**
 * The part of the program in the guest (program.ts) after which nobody but it writes: what image/quiesce.ts has a shell
 * do, for systemd with cgroup v2.
 */

export const QUIET = `
MANAGER = "/sys/fs/cgroup/init.scope/cgroup.freeze"
SLICES = "/sys/fs/cgroup"
UNITS = "/etc/systemd/system/"
# seconds that a process has to end
PATIENCE = 10


# has those end that keep something
def stop_services(plan, plain):
    stopped = []
    for group in service_groups(SLICES, 2):
        unit = os.path.basename(group)
        path = UNITS + unit
        if unit in plan["server"]:
            own = os.path.exists(path) or os.path.exists(path + ".d")
        else:
            # or one of that name that the Nodefile wrote
            own = not is_plain(b"/" + unit.encode(), plain) or (os.path.isfile(path) and not os.path.islink(path))
        if own and unit != plan["ours"][0] and b"populated 1" in content("%s/cgroup.events" % group):
            stopped.append(unit.encode())
    if stopped:
        os.waitpid(spawn(b"/bin/sh", [b"sh", b"-c", b'exec systemctl stop "$@"', b"sh", *stopped], ENVIRONMENT, []), 0)


# in slices, and in those below them
def service_groups(folder, depth):
    for slice in [name for name in names_in(folder) if name.endswith(".slice")]:
        inner = "%s/%s" % (folder, slice)
        yield from ("%s/%s" % (inner, name) for name in names_in(inner) if name.endswith(".service"))
        if depth > 1:
            yield from service_groups(inner, depth - 1)


def is_plain(group, plain):
    for part in plain:
        if part in group:
            return True
    return False


def names_in(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []


# all but ours, which are what is in the network namespace of our sshd, and the shell's session: those that were told to end,
# and those that were ended
def end_processes(plain, shell):
    net = os.fstat(OURS[1])
    ours = net.st_dev, net.st_ino
    myself, killed, asked = str(os.getpid()), [], []
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1" or name == myself:
            continue
        # a kernel thread has none
        if not os.access("/proc/%s/exe" % name, os.F_OK):
            continue
        if is_plain(content("/proc/%s/cgroup" % name), plain):
            killed.append(int(name))
            continue
        try:
            net = os.stat("/proc/%s/ns/net" % name)
            if (net.st_dev, net.st_ino) == ours:
                continue
        except OSError:
            pass
        status = status_of(name)
        # state, parent, process group, session
        if status and status[3:4] != [b"%d" % shell]:
            asked.append(int(name))
    end(killed)
    for pid in asked:
        attempt(os.kill, pid, signal.SIGTERM)
    return asked, killed


def end(pids):
    for pid in pids:
        attempt(os.kill, pid, signal.SIGKILL)


def status_of(pid):
    return content("/proc/%s/stat" % pid).rpartition(b")")[2].split()


# those that have not ended in time; a zombie has
def left_of(pids):
    begun = time.monotonic()
    while True:
        pids = [pid for pid in pids if status_of(pid)[:1] not in ([], [b"Z"], [b"X"])]
        if not pids or time.monotonic() - begun > PATIENCE:
            return pids
        time.sleep(0.002)
`;
