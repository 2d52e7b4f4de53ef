"""Signals that come when it is hardest to take them, and what the first process of a container has to do."""

import os
import re
import signal
import socket
import subprocess
import time

from daemon import PATIENCE, Checks, Daemon, until

AS_ROOT = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
UNSHARE = ["unshare", *AS_ROOT, "--pid", "--fork", "--kill-child", "--mount-proc"]
# PR_SET_CHILD_SUBREAPER, which stays when the process becomes another program.
ADOPT = ["python3", "-c", "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"]
ENDS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]


def children(pid):
    """The children of a process, oldest first."""
    pids = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as file:
            pids += map(int, file.read().split())
    return sorted(pids)


def catches(pid, number):
    """Whether a process handles a signal."""
    with open(f"/proc/{pid}/status") as file:
        mask = next(line.split()[1] for line in file if line.startswith("SigCgt:"))
    return int(mask, 16) >> (number - 1) & 1 == 1


class Contained(Daemon):
    """A daemon that is process 1."""

    def __init__(self, **more):
        super().__init__(launcher=UNSHARE, serves=False, **more)

    def main_pid(self):
        """Process 1, as this side of its namespace numbers it."""
        return until("process 1", lambda: children(self.pid))[0]

    def daemon(self):
        """The process that serves."""
        return until("the daemon", lambda: children(self.main_pid()))[0]


class Start(Checks):
    """A signal during the start"""

    def test_slow_name(self):
        """that ends does so at once with status 0, though a host name takes four seconds to resolve, also as process 1"""
        for kind in [Daemon, Contained]:
            for number in ENDS:
                with self.subTest(kind=kind.__name__, number=number):
                    self.ends_promptly(kind, number)

    def ends_promptly(self, kind, number):
        with kind(Host="localhost", faults=lambda faults: faults.inject("resolve", limit=4000), **self.not_yet(kind)) as daemon:
            until("a name that resolves", lambda: daemon.faults.calls("resolve") > 0)
            begin = time.monotonic()
            daemon.signal(number)
            daemon.exits(0)
            self.assertLess(time.monotonic() - begin, 2)
            self.assertTrue(daemon.log.with_text("stopped: a signal ended the start"), daemon.log.all)
            self.assertFalse(daemon.log.with_text("error"))

    @staticmethod
    def not_yet(kind):
        return {"serves": False} if kind is Daemon else {}

    def test_remembered(self):
        """that asks for something is remembered, and done when it serves: a reload, a status"""
        for kind in [Daemon, Contained]:
            slow = {"Host": "localhost", "faults": lambda faults: faults.inject("resolve", limit=300), **self.not_yet(kind)}
            with self.subTest(kind=kind.__name__), kind(**slow) as daemon:
                until("a name that resolves", lambda: daemon.faults.calls("resolve") > 0)
                daemon.configure(MaxConn=5)
                daemon.signal(signal.SIGHUP)
                daemon.signal(signal.SIGUSR1)
                daemon.log.wait("configuration reloaded: MaxConn: 12000 → 5")
                daemon.log.wait("status: 0/")
                daemon.signal(signal.SIGTERM)
                daemon.exits(0)

    def test_first(self):
        """that ends is taken by process 1 as soon as it has handlers, and ends it with status 0"""
        for attempt in range(10):
            with self.subTest(attempt=attempt), Contained() as daemon:
                # The last that gets one.
                until("handlers", lambda: catches(daemon.main_pid(), signal.SIGUSR2))
                begin = time.monotonic()
                daemon.signal(ENDS[attempt % len(ENDS)])
                daemon.exits(0)
                self.assertLess(time.monotonic() - begin, 2)


class End(Checks):
    def test_no_exit(self):
        """of a daemon is none by exit(3), in which libraries undo what threads on their way out still use"""
        with Daemon() as daemon:
            daemon.answers()
            daemon.signal(signal.SIGTERM)
            daemon.exits(0)
            self.assertEqual(daemon.faults.calls("exit"), 0)


class ProcessOne(Checks):
    """Process 1"""

    def test_orphans(self):
        """waits for processes that lose their parents, and leaves those of its plugins to them, also when it is set to adopt"""
        for launcher in [UNSHARE, ADOPT]:
            with self.subTest(launcher=launcher[0]):
                self.adopts(launcher)

    def adopts(self, launcher):
        # What looks up the host also forks, and waits for its child long after that has ended.
        rule = {"faults": lambda faults: faults.inject("child", times=1), "Host": "localhost"}
        with Daemon(serves=False, launcher=launcher, **rule) as daemon:
            daemon.log.wait("listens on")
            self.assertEqual(daemon.faults.injected("child"), 1)
            first = children(daemon.pid)[0] if launcher is UNSHARE else daemon.pid
            until("no child but the daemon", lambda: len(children(first)) <= 1)
            self.assertEqual([self.name(pid) for pid in children(first)], ["zinxd"])
            os.kill(first, signal.SIGTERM)
            daemon.exits(0)

    @staticmethod
    def name(pid):
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()

    def test_strangers(self):
        """waits for what was started beside it in its container"""
        with Contained() as daemon:
            daemon.log.wait("listens on")
            first = daemon.main_pid()
            enter = ["nsenter", "--target", str(first), *(["--user", "--preserve-credentials"] if AS_ROOT else []), "--pid"]
            script = "sleep 0.3 & (setsid sleep 0.3 &)"
            subprocess.run([*enter, "sh", "-c", script], check=True, timeout=PATIENCE)
            until("two orphans", lambda: len(children(first)) == 3)
            until("no orphan", lambda: len(children(first)) == 1)
            daemon.signal(signal.SIGTERM)
            daemon.exits(0)

    def test_status(self):
        """ends with the status of the daemon, or 128 and the number of the signal that ended it"""
        with Contained(MaxConn=0) as daemon:
            daemon.exits(78)
        with Contained() as daemon:
            daemon.log.wait("listens on")
            os.kill(daemon.daemon(), signal.SIGKILL)
            daemon.exits(128 + signal.SIGKILL)

    def test_drains(self):
        """passes on the signal to drain, answers what was received, and takes a second that follows at once for the same"""
        with Contained(Plugins={"echo": {"Delay": 0.2}}) as daemon:
            line = daemon.log.wait("listens on 127.0.0.1:")
            daemon.address = ("127.0.0.1", int(re.search(r"127\.0\.0\.1:(\d+),", line).group(1)))
            with daemon.peer(greeted=False) as peer:
                peer.send((3, b"slow"))
                daemon.log.wait("connection added")
                daemon.signal(signal.SIGTERM)
                daemon.signal(signal.SIGINT)
                self.assertEqual(peer.rest(), [(3, b"slow")])
            daemon.exits(0)

    def test_activation(self):
        """serves the socket that was passed to process 1, and leaves nobody who holds it when it is closed"""
        with socket.create_server(("127.0.0.1", 0)) as passed:
            address = passed.getsockname()
            shell = ["sh", "-c", f'exec "$@" 3<&{passed.fileno()}', "sh", *UNSHARE]
            variables = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
            more = {"launcher": shell, "passing": [passed.fileno()], "environment": lambda *_: variables}
            with Daemon(serves=False, **more) as daemon:
                daemon.manager.wait("READY=1")
                daemon.log.wait(f"listens on 127.0.0.1:{address[1]},")
                daemon.address = address
                daemon.answers()
                first = children(daemon.pid)[0]
                self.assertFalse([name for name in os.listdir(f"/proc/{first}/fd") if int(name) > 2])
                os.kill(first, signal.SIGTERM)
                daemon.exits(0)
