"""The built zinxd as a child process whose system calls fail when a test wants it."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from faults import HERE, Faults

sys.path.insert(0, os.path.join(HERE, "../e2e"))
from zinx import GREETING, PONG, Peer  # noqa: E402

PROGRAM = os.environ.get("ZINXD") or os.path.join(HERE, "../../.build/debug/zinxd")
PLUGINS = {"ping": {}, "greeting": {}, "echo": {}}
# Seconds in which what is waited for must have come; a machine may be busy.
PATIENCE = 20


def until(what, condition):
    """Waits until the condition holds, and returns its value."""
    begin = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() - begin < PATIENCE, f"not within {PATIENCE} s: {what}"
        time.sleep(0.005)


class Lines:
    """What somebody writes, line by line."""

    def __init__(self, file):
        self.all = []
        self.is_over = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.read, args=[file], daemon=True)
        self.thread.start()

    def read(self, file):
        for line in file:
            with self.changed:
                self.all.append(line.decode().rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.is_over = True
            self.changed.notify_all()
        file.close()

    def with_text(self, text):
        return [line for line in self.all if text in line]

    def wait(self, text, count=1):
        """The `count`th line with the text."""
        self.wait_for(lambda: len(self.with_text(text)) >= count, f"{count} lines with {text!r}")
        return self.with_text(text)[count - 1]

    def wait_for(self, condition, what):
        with self.changed:
            self.changed.wait_for(lambda: condition() or self.is_over, PATIENCE)
        assert condition(), f"not there: {what} in:\n" + "\n".join(self.all[-40:])


class Manager:
    """Stands in for systemd: takes notifications, in order."""

    def __init__(self, path):
        self.path = path
        self.open()

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(self.path)

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def wait(self, text):
        """Takes notifications until one has the text."""
        while True:
            notification = self.socket.recv(4096).decode()
            if text in notification:
                return notification


class Daemon:
    """Runs while the `with` lasts. If all went well it is ended with SIGTERM then, and must have left nothing behind."""

    def __init__(self, arguments=(), environment=None, stderr=None, faults=None, serves=True, launcher=(), passing=(), limits=None,
                 **settings):
        """`stderr`: a descriptor that is the daemon's from here on; without one its lines are in `log`. `faults`: sets rules that
        are in force from the start. `serves`: whether it is to get that far. `launcher`: a command that starts it. `passing`:
        descriptors that it inherits. `limits`: of resources, by the numbers that `resource` has for them."""
        self.folder = tempfile.mkdtemp(prefix="zinxd-faults-")
        self.path = os.path.join(self.folder, "zinx.json")
        self.settings = {"Host": "127.0.0.1", "TcpPort": 0, "IOThreads": 1, "WorkerPoolSize": 2, "Plugins": PLUGINS}
        self.configure(**settings)
        self.faults = Faults(os.path.join(self.folder, "faults"))
        if faults:
            faults(self.faults)
        self.manager = Manager(os.path.join(self.folder, "notify"))
        variables = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": self.manager.path, **self.faults.environment}
        ours, theirs = os.pipe() if stderr is None else (None, stderr)
        variables |= environment(self.folder, os.fstat(theirs)) if environment else {}
        self.process = subprocess.Popen(
            [*launcher, PROGRAM, *arguments], cwd=self.folder, env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=theirs, pass_fds=passing,
            preexec_fn=(lambda: confine(limits)) if limits else None)
        os.close(theirs)
        self.pid = self.process.pid
        self.log = Lines(open(ours, "rb")) if ours else None
        self.serves = serves
        if serves:
            self.started()

    def started(self):
        """Waits until it serves."""
        self.manager.wait("READY=1")
        self.address = ("127.0.0.1", self.port())
        self.sockets = self.open_sockets()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.serves and self.process.poll() is None:
                self.faults.clear()
                self.leaves_nothing()
                self.end()
        finally:
            self.process.kill()
            self.process.wait()
            self.manager.socket.close()
            shutil.rmtree(self.folder)

    def configure(self, **settings):
        """Changes the file, as editors do: a new one takes its place."""
        self.settings |= settings
        with open(self.path + ".new", "w") as file:
            json.dump(self.settings, file)
        os.rename(self.path + ".new", self.path)

    # Speaking to it

    def peer(self, **more):
        return Peer(address=self.address, **more)

    def answers(self, **more):
        """A new peer is served."""
        with self.peer(**more) as peer:
            assert peer.ask() == (0, PONG)

    def reload(self):
        self.signal(signal.SIGHUP)

    def signal(self, number):
        os.kill(self.main_pid(), number)

    def main_pid(self):
        """Who gets its signals."""
        return self.pid

    def stop(self):
        """Stops it in its tracks, as a debugger or a freezing machine does."""
        self.signal(signal.SIGSTOP)
        until("stopped", lambda: self.stat()[0] == "T")

    def go_on(self):
        self.signal(signal.SIGCONT)

    def end(self):
        self.signal(signal.SIGTERM)
        self.exits(0)

    def exits(self, status):
        """Waits for its end. Every line is in the log then."""
        self.process.wait(PATIENCE)
        assert self.process.returncode == status, self.process.returncode
        if self.log:
            self.log.wait_for(lambda: self.log.is_over, "the end of the log")

    # Seen from outside

    def stat(self):
        """The fields of /proc/PID/stat from the state on."""
        with open(f"/proc/{self.pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()

    def cpu_seconds(self):
        user, system = self.stat()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def port(self):
        """The port it listens on; not from the log, which may be what fails."""
        with open(f"/proc/{self.pid}/net/tcp") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        inodes = self.open_sockets()
        return next(int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes)

    def open_sockets(self):
        sockets = set()
        folder = f"/proc/{self.pid}/fd"
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except FileNotFoundError:
                continue
            if target.startswith("socket:"):
                sockets.add(target)
        return sockets

    def leaves_nothing(self):
        """Every connection is gone, with its descriptor and its place in MaxConn, and nothing was closed twice."""
        until("every socket closed", lambda: len(self.open_sockets()) <= len(self.sockets))
        # With every line in the log, it tells of each connection.
        if self.log and "LogLevel" not in self.settings:
            until("an end for each start", lambda: len(self.ends()) == len(self.log.with_text("connection added")))
            # The lines of two event loops may change places.
            assert not self.ends() or any(re.search(r"conn num = 0\b", line) for line in self.log.with_text("connection ended: ")[-5:])
        assert self.faults.calls("bad_close") == 0

    def ends(self):
        """The reasons for which connections have ended."""
        return [re.search(r"connection ended: ([a-z-]+)", line).group(1) for line in self.log.with_text("connection ended: ")]

    def ended(self, reason, count=1):
        """Waits for the end of a connection."""
        self.log.wait(f"connection ended: {reason}", count)


class Checks(unittest.TestCase):
    """Tests whose names in the output are their sentences."""

    longMessage = True

    def shortDescription(self):
        return None

    def __str__(self):
        return f"{type(self).__doc__}: {self._testMethodDoc}"


def reset(peer):
    """Closes so that the other side is told of a reset."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()


def exchange(peer, count=200, size=1000, id=3):
    """Sends `count` messages of different sizes and checks that each is answered once, in order, byte for byte."""
    messages = [bytes([number % 251]) * (number * 37 % size) for number in range(count)]
    sender = threading.Thread(target=peer.send, args=[(id, data) for data in messages])
    sender.start()
    for number, data in enumerate(messages):
        assert peer.receive() == (id, data), f"answer {number}"
    sender.join()


def confine(limits):
    """Limits the calling process, to two CPUs too: how many threads a daemon has depends on them."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))


# Some tests have many peers.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
