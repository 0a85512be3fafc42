/**
 * The program that runs commands in a guest that was frozen, so that nobody waits for an SSH handshake there: it has
 * started before the freeze. It needs the guest's Python, which every image with cloud-init has.
 *
 * One connection at a time, after both sides have shown that they have the key. Then messages: type, channel, length,
 * and so many bytes; see agent.ts for what they mean.
 */
import { CHANNEL } from "./channel-program.ts";
import { SEAL } from "./seal-program.ts";
import { SETTLE } from "./settle-program.ts";
import { START } from "./start-program.ts";

/** The key stands in it as "@KEY@". */
export const AGENT_PROGRAM = `
import ctypes, os, select, signal, socket, struct, sys, time
from _operator import _compare_digest as same

try:
    from _sha256 import sha256
except ImportError:
    from hashlib import sha256

os.closerange(3, 256)
HEAD = struct.Struct(">BII")
WAKE, EXEC, STDIN, END, CLOSE = range(5)
READY, STDOUT, STDERR, EXITED, ENDED, TAKEN, FAILED, DECLINED = range(8)
PIECE = 65536
# so many bytes wait for the host before the commands do; so many may be connected that have not shown the key
FULL, STRANGERS = 4 * 1024 * 1024, 16
LONGEST = 120000
# linux/random.h
RNDADDENTROPY, RNDRESEEDCRNG = 0x40085203, 0x5207

poller = select.epoll()
handlers = {}
children = {}
strangers = []
current = None
parked = 0


def watch(fd, events, handler):
    handlers[fd] = handler
    poller.register(fd, events)


def forget(fd):
    del handlers[fd]
    poller.unregister(fd)


${CHANNEL.trim()}


${SETTLE.trim()}


${SEAL.trim()}


BUILTINS = {b"settle": settle, b"seal": seal}


class Client:
    def __init__(self, sock):
        self.sock, self.fd = sock, sock.fileno()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input, self.output, self.events = bytearray(), bytearray(), select.EPOLLIN
        self.channels, self.open, self.trusted = {}, True, False
        watch(self.fd, self.events, self.handle)

    def handle(self, fd, events):
        try:
            if events & ~select.EPOLLOUT:
                data = self.sock.recv(4 * PIECE)
                if not data:
                    return self.drop()
                self.input += data
                self.digest()
        except BlockingIOError:
            pass
        except OSError:
            return self.drop()
        if self.open:
            self.flush()

    def digest(self):
        global current
        before = None
        if not self.trusted:
            if len(self.input) < 48:
                return
            nonce, shown = bytes(self.input[:16]), bytes(self.input[16:48])
            if not same(shown, proof(b"host", nonce)):
                return self.drop()
            del self.input[:48]
            self.trusted = True
            self.output += proof(b"guest", nonce)
            before, current = current, self
            strangers.remove(self)
        while self.open and len(self.input) >= HEAD.size:
            kind, number, length = HEAD.unpack_from(self.input)
            if len(self.input) < HEAD.size + length:
                break
            data = bytes(self.input[HEAD.size : HEAD.size + length])
            del self.input[: HEAD.size + length]
            self.take(kind, number, data)
        # this one is of a machine that went on: nobody is at the other end of an earlier one any more
        if before is not None:
            before.drop()

    def take(self, kind, number, data):
        if kind == WAKE:
            return self.send(READY, 0, wake(data).encode())
        if kind == EXEC and data[:1] == b"B":
            return self.answer(number, data[1:])
        if kind == EXEC:
            try:
                run = line if data[:1] == b"L" else direct
                self.channels[number] = Channel(self, number, lambda actions: run(data[2:], actions), data[1:2] == b"1")
            except (OSError, ValueError) as error:
                self.send(FAILED, number, str(error).encode())
            return
        channel = self.channels.get(number)
        if channel is None:
            return
        if kind == STDIN:
            channel.input += data
            channel.write()
        elif kind == END:
            channel.ending = True
            channel.write()
        elif kind == CLOSE:
            channel.close()

    # nobody else is served meanwhile; what this program cannot do, the host has a shell do
    def answer(self, number, data):
        name, _, text = data.partition(b"\\x00")
        try:
            done = BUILTINS[name](text, lambda told: self.send(STDOUT, number, told))
        except Exception:
            done = False
        if not done:
            return self.send(DECLINED, number)
        self.send(EXITED, number, bytes(4))
        self.send(ENDED, number)

    def send(self, kind, number, data=b""):
        if not self.open:
            return
        self.output += HEAD.pack(kind, number, len(data)) + data
        self.flush()
        if len(self.output) > FULL:
            for channel in self.channels.values():
                channel.hush()

    def flush(self):
        try:
            while self.output:
                done = self.sock.send(self.output[: 4 * PIECE])
                del self.output[:done]
        except BlockingIOError:
            pass
        except OSError:
            return self.drop()
        if len(self.output) <= FULL:
            for channel in self.channels.values():
                channel.listen()
        events = select.EPOLLIN | (select.EPOLLOUT if self.output else 0)
        if events != self.events:
            self.events = events
            poller.modify(self.fd, events)

    def drop(self):
        global current
        if not self.open:
            return
        self.open = False
        if self in strangers:
            strangers.remove(self)
        forget(self.fd)
        for channel in list(self.channels.values()):
            channel.close()
        self.sock.close()
        if current is self:
            current = None


def proof(who, nonce):
    inner, outer = inner_key.copy(), outer_key.copy()
    inner.update(who + nonce)
    outer.update(inner.digest())
    return outer.digest()


${START.trim()}


# the key is new from now on: the old one is in the memory of every machine of the same state
def wake(data):
    try:
        (now,) = struct.unpack_from(">d", data)
        set_key(data[8:40])
        if now:
            time.clock_settime(time.CLOCK_REALTIME, now)
            reseed(data[40:])
        return ""
    except OSError as error:
        return str(error)


# random(4): what is only written counts when the kernel takes new keys the next time, up to a minute later, and until then
# its numbers are those of every machine of the same state
def reseed(data):
    given = struct.pack("ii", 8 * len(data), len(data)) + data
    for request, argument in ((RNDADDENTROPY, given), (RNDRESEEDCRNG, None)):
        if libc.ioctl(POOL, ctypes.c_ulong(request), argument) != 0:
            raise OSError(ctypes.get_errno(), "the kernel's random numbers could not be made its own")


def set_key(key):
    global inner_key, outer_key
    inner_key, outer_key = (sha256(bytes(byte ^ pad for byte in key.ljust(64, b"\\x00"))) for pad in (0x36, 0x5C))


def accept(fd, events):
    while len(strangers) >= STRANGERS:
        strangers[0].drop()
    try:
        client = Client(server.accept()[0])
    except OSError:
        return
    strangers.append(client)
    client.handle(None, select.EPOLLIN)


def reap(fd, events):
    os.read(fd, PIECE)
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel = children.pop(pid, None)
        if channel is not None:
            channel.exited(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


DEFAULTS = [number for number in range(1, 32) if number not in (signal.SIGKILL, signal.SIGSTOP)]
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/sh",
}
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen()
server.setblocking(False)
NULL = os.open("/dev/null", os.O_RDWR)
POOL = os.open("/dev/urandom", os.O_WRONLY)
set_key(bytes.fromhex("@KEY@"))
libc = ctypes.CDLL(None, use_errno=True)
setns = libc.setns
OURS, THEIRS = ([os.open("/proc/%s/ns/%s" % (who, kind), os.O_RDONLY) for kind in ("mnt", "net")] for who in ("self", sys.argv[3]))
# what it will need is in memory from now on, and it can do what it is for
os.umask(0o022)
os.waitpid(line(b":", []), 0)
os.waitpid(direct(b"/\\x003\\x00/bin/sh\\x00-c\\x00:\\x00A=b\\x00exit 1", []), 0)
proof(b"", b"")
print(server.getsockname()[1], flush=True)
if os.fork():
    os._exit(0)
os.setsid()
os.chdir("/")
for fd in range(3):
    os.dup2(NULL, fd)
woken, alarm = os.pipe()
os.set_blocking(alarm, False)
signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
signal.signal(signal.SIGCHLD, lambda number, frame: None)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
watch(woken, select.EPOLLIN, reap)
watch(server.fileno(), select.EPOLLIN, accept)
while True:
    for fd, events in poller.poll():
        handler = handlers.get(fd)
        try:
            if handler is not None:
                handler(fd, events)
        except Exception:
            # whatever it was, the next connection finds a program
            if current is not None:
                current.drop()
`;
