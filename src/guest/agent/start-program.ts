/** The part of the program in the guest (program.ts) that starts a command. */

export const START = `
def line(text, actions):
    global parked
    if len(text) > LONGEST:
        # as one argument Linux would not take it
        parked += 1
        path = b"/run/command-of-agent-%d" % parked
        with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(b"rm -f %s; " % path + text)
        text = b". " + path
    return spawn(b"/bin/sh", [b"sh", b"-c", text], ENVIRONMENT, actions)


# in the machine's own namespaces, and without a shell; what that cannot do, the line does
def direct(data, actions):
    cwd, count, *words, text = data.split(b"\\x00")
    argv, env = words[: int(count)], dict(word.split(b"=", 1) for word in words[int(count) :])
    try:
        enter(THEIRS)
        os.chdir(cwd)
        return spawn(argv[0], argv, env, actions)
    except OSError:
        pass
    finally:
        try:
            enter(OURS)
        except OSError:
            os._exit(1)
    return line(text, actions)


def spawn(program, argv, env, actions):
    return os.posix_spawn(program, argv, env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=DEFAULTS)


def enter(namespaces):
    for fd in namespaces:
        if setns(fd, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
`;
