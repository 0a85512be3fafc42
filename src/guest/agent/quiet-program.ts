/**
 * The part of the program in the guest (program.ts) after which nobody but it writes: what image/quiesce.ts has a shell
 * do, for systemd with cgroup v2.
 */

export const QUIET = `
MANAGER = "/sys/fs/cgroup/init.scope/cgroup.freeze"
SERVICES = "/sys/fs/cgroup/system.slice/"
UNITS = "/etc/systemd/system/"
# seconds that a process has to end
PATIENCE = 10


# has those end that keep something
def stop_services(plan, plain):
    units = names_in(SERVICES)
    for part in [name for name in units if name.endswith(".slice")]:
        units += [part + "/" + unit for unit in names_in(SERVICES + part)]
    stopped = []
    for group in units:
        unit = os.path.basename(group)
        if not unit.endswith(".service") or unit == plan["ours"][0] or is_plain(b"/" + unit.encode(), plain):
            continue
        own = unit not in plan["server"] or os.path.exists(UNITS + unit) or os.path.exists(UNITS + unit + ".d")
        if own and b"populated 1" in content("%s%s/cgroup.events" % (SERVICES, group)):
            stopped.append(unit.encode())
    if stopped:
        os.waitpid(spawn(b"/bin/sh", [b"sh", b"-c", b'exec systemctl stop "$@"', b"sh", *stopped], ENVIRONMENT, []), 0)


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
