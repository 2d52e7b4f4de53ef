"""What the daemon writes to does not take it: journald, standard error, the service manager."""

import array
import errno
import os
import re
import signal
import socket
import tempfile

from daemon import PATIENCE, Checks, Daemon, exchange, until


class Journald:
    """Stands in for journald: takes entries when it is asked to, and keeps their messages."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "journal")
        self.messages = []
        self.open()

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def environment(self, _, stderr):
        return {"JOURNAL_STREAM": f"{stderr.st_dev}:{stderr.st_ino}", "ZINX_FAULTS_JOURNAL": self.path}

    def wait(self, text):
        """Takes entries until the message of one has the text, and returns it."""
        while True:
            data, controls, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            for _, _, passed in controls:
                with open(array.array("i", passed)[0], "rb") as file:
                    file.seek(0)
                    data = file.read()
            message = re.search(rb"^MESSAGE=(.*)$", data, re.MULTILINE).group(1).decode()
            self.messages.append(message)
            if text in message:
                return message

    def ends(self):
        return [message for message in self.messages if "connection ended" in message]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.folder.cleanup()


class Journal(Checks):
    """Without a journal that takes entries"""

    def logged(self, journal, **more):
        # Nothing is on standard error, so no line there tells of the end of a connection.
        return Daemon(environment=journal.environment, LogLevel="info", **more)

    def test_away(self):
        """the daemon serves on, and the entries are there when it is back"""
        with Journald() as journal, self.logged(journal) as daemon:
            journal.wait("listens on")
            journal.close()
            for _ in range(50):
                daemon.answers()
            with daemon.peer() as peer:
                exchange(peer)
            journal.open()
            for _ in range(51):
                journal.wait("connection ended")
            self.assertEqual(daemon.log.all, [])

    def test_full(self):
        """nothing waits for it; what finds no room is counted, and told when there is some"""
        count = 4500
        with Journald() as journal, self.logged(journal, arguments=["--log-level", "debug"]) as daemon:
            # Nobody takes what is there.
            for _ in range(count):
                daemon.peer(greeted=False).close()
            with daemon.peer() as peer:
                exchange(peer)
                cpu = daemon.cpu_seconds()
                daemon.manager.wait("STATUS=1/12000 connections")
                self.assertLess(daemon.cpu_seconds() - cpu, 1)
            until("all closed", lambda: len(daemon.open_sockets()) <= len(daemon.sockets))
            dropped = int(re.match(r"(\d+) log messages were dropped", journal.wait("dropped")).group(1))
            stops = sum("OnConnStop" in message for message in journal.messages)
            self.assertGreater(dropped, 0)
            self.assertLess(stops, count)
            self.assertGreaterEqual(stops + dropped, count)

    def test_errors(self):
        """of any kind for a moment, each entry is there afterwards"""
        for name in ["EAGAIN", "EINTR", "ECONNREFUSED", "ECONNRESET", "ENOTCONN", "ENOBUFS"]:
            with self.subTest(name), Journald() as journal, self.logged(journal) as daemon:
                # ENOBUFS: this entry is too large for a datagram, and goes as a file.
                times = 1 if name == "ENOBUFS" else 10
                daemon.faults.inject("journal", getattr(errno, name), times=times)
                for _ in range(10):
                    daemon.answers()
                for _ in range(10):
                    journal.wait("connection ended")
                self.assertEqual(daemon.faults.injected("journal"), times)
                self.assertEqual(daemon.log.all, [])

    def test_refused(self):
        """but one that refuses them, they are on standard error"""
        with Journald() as journal, self.logged(journal) as daemon:
            daemon.faults.inject("journal", errno.ENOBUFS)
            daemon.answers()
            self.assertRegex(daemon.log.wait("connection ended"), "^<6>connection ended: peer-closed")

    def test_missing_at_start(self):
        """from the start, lines go to standard error with their priority"""
        with Journald() as journal:
            absent = lambda faults: faults.inject("connect", errno.ENOENT, times=1)  # noqa: E731
            with self.logged(journal, faults=absent) as daemon:
                daemon.answers()
                self.assertRegex(daemon.log.wait("connection ended"), "^<6>connection ended: peer-closed")

    def test_end(self):
        """the daemon ends in time, with status 0"""
        with Journald() as journal, self.logged(journal, arguments=["--log-level", "debug"]) as daemon:
            daemon.faults.inject("journal", errno.ECONNREFUSED)
            daemon.answers()
            daemon.end()


class StandardError(Checks):
    """Standard error"""

    def serves(self, stderr):
        with Daemon(stderr=stderr) as daemon:
            daemon.answers()
            daemon.configure(MaxConn=5)
            daemon.reload()
            daemon.manager.wait("STATUS=0/5 connections")
            with daemon.peer() as peer:
                exchange(peer)

    def test_full_device(self):
        """that is a full disk keeps the daemon from nothing"""
        self.serves(os.open("/dev/full", os.O_WRONLY))

    def test_closed_pipe(self):
        """that is a pipe nobody reads any more keeps the daemon from nothing"""
        ours, theirs = os.pipe()
        os.close(ours)
        self.serves(theirs)

    def test_stuck_pipe(self):
        """that is a full pipe keeps the daemon from nothing, not even from ending"""
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        try:
            while True:
                os.write(theirs, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(theirs, True)
        self.serves(theirs)
        os.close(ours)

    def test_refusal_is_an_exit_status(self):
        """that takes nothing changes no exit status"""
        ours, closed = os.pipe()
        os.close(ours)
        for stderr in [os.open("/dev/full", os.O_WRONLY), closed]:
            with Daemon(stderr=stderr, serves=False, MaxConn=0) as daemon:
                daemon.exits(78)

    def test_errors(self):
        """that fails for a moment loses those lines only"""
        for name in ["EIO", "ENOSPC", "EPIPE"]:
            with self.subTest(name), Daemon(LogLevel="info") as daemon:
                daemon.log.wait("plugins:")
                daemon.faults.inject("write", getattr(errno, name), times=4)
                for _ in range(4):
                    daemon.answers()
                daemon.log.wait("connection ended", 2)
                self.assertEqual(daemon.faults.injected("write"), 4)

    def test_parts(self):
        """that takes any part of a line, or is interrupted, has every line whole"""
        for rule in [{"limit": 1}, {}, {"error": errno.EINTR, "every": 2}, {"error": errno.EAGAIN, "every": 2}]:
            with self.subTest(rule), Daemon() as daemon:
                daemon.faults.inject("write", **rule)
                for _ in range(10):
                    daemon.answers()
                daemon.ended("peer-closed", 10)
                self.assertGreater(daemon.faults.injected("write"), 10)
                fields = r"closeReason=peer-closed connID=\d+ listener=zinx peer=127.0.0.1:\d+"
                pattern = rf"^\S+Z INFO   connection ended: peer-closed, conn num = \d+ {fields}$"
                for line in daemon.log.with_text("connection ended"):
                    self.assertRegex(line, pattern)


class ServiceManager(Checks):
    """Without a service manager that listens"""

    def test_away(self):
        """the daemon serves on; when it is back, it learns the status without another change"""
        with Daemon() as daemon:
            daemon.manager.close()
            notified = daemon.faults.calls("notify")
            with daemon.peer() as peer:
                exchange(peer)
                until("a notification", lambda: daemon.faults.calls("notify") > notified)
                daemon.configure(MaxConn=7)
                daemon.reload()
                daemon.log.wait("MaxConn: 12000 → 7")
                daemon.manager.open()
                daemon.manager.wait("STATUS=1/7 connections")

    def test_errors(self):
        """for a moment, the status is right soon after"""
        for name in ["EAGAIN", "ENOBUFS", "ECONNREFUSED", "ENOMEM", "EPERM", "EINTR"]:
            with self.subTest(name), Daemon() as daemon:
                daemon.faults.inject("notify", getattr(errno, name), times=2)
                with daemon.peer() as peer:
                    daemon.manager.wait("STATUS=1/12000 connections")
                    self.assertEqual(daemon.faults.injected("notify"), 2)
                    exchange(peer, count=3)

    def test_end(self):
        """the daemon drains and ends with status 0"""
        with Daemon() as daemon, daemon.peer() as peer:
            daemon.manager.close()
            peer.send((3, b"last"))
            self.assertEqual(peer.receive(), (3, b"last"))
            daemon.signal(signal.SIGTERM)
            self.assertEqual(peer.rest(), [])
            peer.close()
            daemon.exits(0)
