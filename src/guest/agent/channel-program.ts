/** The part of the program in the guest (program.ts) that holds one command: its pipes, what waits for them, its end. */

export const CHANNEL = `
class Channel:
    def __init__(self, client, number, run, stdin):
        self.client, self.number = client, number
        self.input, self.ending, self.status = bytearray(), False, None
        self.stdin = None
        ours, theirs = [], []
        try:
            source = NULL
            if stdin:
                source, self.stdin = os.pipe()
                theirs.append(source)
                ours.append(self.stdin)
            for _ in range(2):
                end, begin = os.pipe()
                ours.append(end)
                theirs.append(begin)
            for fd in ours:
                os.set_blocking(fd, False)
            targets = enumerate((source, *theirs[-2:]))
            pid = run([(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in targets])
        except BaseException:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.outputs = {ours[-2]: STDOUT, ours[-1]: STDERR}
        children[pid] = self
        self.listen()

    def listen(self):
        for fd in self.outputs:
            if fd not in handlers:
                watch(fd, select.EPOLLIN, self.read)

    def hush(self):
        for fd in self.outputs:
            if fd in handlers:
                forget(fd)

    def read(self, fd, events):
        try:
            data = os.read(fd, PIECE)
        except BlockingIOError:
            return
        if data:
            self.client.send(self.outputs[fd], self.number, data)
            return
        forget(fd)
        os.close(fd)
        del self.outputs[fd]
        self.over()

    def exited(self, status):
        self.status = status
        self.client.send(EXITED, self.number, struct.pack(">i", status))
        self.over()

    def over(self):
        if self.status is not None and not self.outputs:
            self.client.send(ENDED, self.number)
            self.close()

    def write(self, fd=None, events=0):
        if self.stdin is None:
            self.taken(len(self.input))
            self.input.clear()
            return
        try:
            while self.input:
                done = os.write(self.stdin, self.input[:PIECE])
                del self.input[:done]
                self.taken(done)
                # telling that may have found nobody there any more
                if self.stdin is None:
                    return
        except BlockingIOError:
            if self.stdin not in handlers:
                watch(self.stdin, select.EPOLLOUT, self.write)
            return
        except OSError:
            self.ending = True
        if self.stdin in handlers:
            forget(self.stdin)
        if self.ending:
            os.close(self.stdin)
            self.stdin = None
            self.write()

    def taken(self, count):
        if count:
            self.client.send(TAKEN, self.number, struct.pack(">I", count))

    def close(self):
        self.hush()
        for fd in self.outputs:
            os.close(fd)
        self.outputs = {}
        if self.stdin is not None:
            if self.stdin in handlers:
                forget(self.stdin)
            os.close(self.stdin)
            self.stdin = None
        self.client.channels.pop(self.number, None)
`;
