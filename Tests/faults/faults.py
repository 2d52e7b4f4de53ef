"""The rules by which system calls of a daemon fail: the test's side of the page that faults.c reads."""

import mmap
import os
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))
LIBRARY = os.path.join(HERE, "../../.build/faults/faults.so")
FOREVER = 1 << 62

# In the order of faults.c.
KINDS = (
    "accept recv send journal notify epoll_add epoll_wait close bad_close open read write wake socket connect thread clock resolve child exit"
).split()
FIELDS = "left every skip error limit seen calls injected".split()


def build():
    """Compiles the wrapper."""
    os.makedirs(os.path.dirname(LIBRARY), exist_ok=True)
    command = ["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", LIBRARY, os.path.join(HERE, "faults.c"), "-ldl", "-pthread"], check=True)


class Faults:
    """What fails, and how often it did."""

    def __init__(self, path):
        size = len(KINDS) * len(FIELDS) * 8
        with open(path, "w+b") as file:
            file.truncate(size)
            self.page = mmap.mmap(file.fileno(), size)
        # Each field is written as one word, so that the daemon never sees half of one.
        self.words = memoryview(self.page).cast("q")
        self.environment = {"LD_PRELOAD": LIBRARY, "ZINX_FAULTS": path}

    def inject(self, kind, error=0, times=FOREVER, every=1, skip=0, limit=0):
        """From now on: each `every`th call after the first `skip`, `times` in all, fails with `error`.

        Without one it moves `limit` bytes at most; with 0, a number of bytes that looks random and is the same in each run."""
        self.clear(kind)
        for field, value in {"every": every, "skip": skip, "error": error, "limit": limit, "seen": 0}.items():
            self.words[self.index(kind, field)] = value
        self.words[self.index(kind, "left")] = times

    def clear(self, *kinds):
        for kind in kinds or KINDS:
            self.words[self.index(kind, "left")] = 0

    def shift_clock(self, seconds):
        """The time of day jumps to so many seconds from what it really is."""
        self.words[self.index("clock", "error")] = seconds

    def left(self, kind):
        return self.words[self.index(kind, "left")]

    def calls(self, kind):
        return self.words[self.index(kind, "calls")]

    def injected(self, kind):
        return self.words[self.index(kind, "injected")]

    @staticmethod
    def index(kind, field):
        return KINDS.index(kind) * len(FIELDS) + FIELDS.index(field)
