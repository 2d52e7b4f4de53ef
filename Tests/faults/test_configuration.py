"""zinx.json at a reload: not there, not readable, not a file, not whole."""

import errno
import os
import signal

from daemon import Checks, Daemon, until


class Reload(Checks):
    """A reload of zinx.json"""

    def refused(self, daemon, *reasons):
        """Reloads: the file is refused for one of these reasons, and what was in force stays so."""
        count = len(daemon.log.with_text("reload refused"))
        daemon.reload()
        daemon.log.wait("reload refused, the running configuration stays in force", count + 1)
        # Behind it there may be a line on what to do.
        problem = daemon.log.with_text("error: ")[-1]
        self.assertTrue(any(reason in problem for reason in reasons), problem)
        daemon.manager.wait("STATUS=0/12000 connections; reload refused: ")
        daemon.answers()

    def taken(self, daemon, limit):
        daemon.configure(MaxConn=limit)
        daemon.reload()
        daemon.manager.wait(f"STATUS=0/{limit} connections")
        daemon.answers()

    def write(self, daemon, text):
        with open(daemon.path, "w") as file:
            file.write(text)

    def test_broken_files(self):
        """that is broken, missing or no file is refused with the reason"""

        def pipe(path):
            os.unlink(path)
            os.mkfifo(path)

        def directory(path):
            os.unlink(path)
            os.mkdir(path)

        def link_to_itself(path):
            os.unlink(path)
            os.symlink(path, path)

        breakages = {
            "empty": (lambda path: os.truncate(path, 0), "1:1: error:"),
            "truncated": (lambda path: os.truncate(path, os.path.getsize(path) - 3), "error:"),
            "deleted": (os.unlink, "./zinx.json: no such file"),
            "huge": (lambda path: os.truncate(path, 1 << 40), "larger than 1048576 bytes"),
            "directory": (directory, "is a directory"),
            "link to itself": (link_to_itself, "Too many levels of symbolic links"),
            "pipe": (pipe, "pipe"),
        }
        for name, (break_it, reason) in breakages.items():
            with self.subTest(name), Daemon() as daemon:
                break_it(daemon.path)
                self.refused(daemon, reason)
                if os.path.isdir(daemon.path):
                    os.rmdir(daemon.path)
                self.taken(daemon, 50)

    def test_errors(self):
        """that cannot be opened or read is refused with the reason"""
        cases = [
            ("open", errno.EACCES, "permission denied"),
            ("open", errno.EMFILE, "Too many open files"),
            ("open", errno.EIO, "Input/output error"),
            ("read", errno.EIO, "Input/output error"),
            ("read", errno.ENOMEM, "Cannot allocate memory"),
        ]
        for kind, code, reason in cases:
            with self.subTest(kind, code=errno.errorcode[code]), Daemon() as daemon:
                daemon.faults.inject(kind, code, times=1)
                self.refused(daemon, reason)
                self.assertEqual(daemon.faults.injected(kind), 1)
                self.taken(daemon, 50)

    def test_parts(self):
        """that is read in parts, or with interruptions, is taken"""
        for rule in [{"limit": 1}, {}, {"error": errno.EINTR, "every": 2}]:
            with self.subTest(rule), Daemon() as daemon:
                daemon.faults.inject("read", **rule)
                daemon.faults.inject("open", errno.EINTR, times=2)
                self.taken(daemon, 50)
                self.assertGreater(daemon.faults.injected("read"), 0)
                self.assertEqual(daemon.faults.injected("open"), 2)

    def test_changed_meanwhile(self):
        """that somebody writes to while it is read is refused: never half of one and half of the other"""
        with Daemon() as daemon:
            text = '{{"Host": "127.0.0.1", "TcpPort": 0, "MaxConn": {}, {} "IdleTimeout": {}}}'
            gap = " " * 70_000
            self.write(daemon, text.format(100, gap, 1000))
            # The first read takes what it can; the next do not come back before we have written.
            daemon.faults.inject("read", errno.EINTR, skip=1)
            daemon.reload()
            until("half of it", lambda: daemon.faults.injected("read") > 0)
            self.write(daemon, text.format(200, gap, 2000))
            daemon.faults.clear()
            daemon.log.wait("reload refused")
            daemon.log.wait("changed while it was read")
            self.taken(daemon, 50)

    def test_replaced_meanwhile(self):
        """that is replaced while it is read is the old file or the new one"""
        with Daemon() as daemon:
            daemon.configure(MaxConn=100)
            daemon.faults.inject("read", errno.EINTR)
            daemon.reload()
            until("an open file", lambda: daemon.faults.injected("read") > 0)
            daemon.configure(MaxConn=200)
            daemon.faults.clear()
            daemon.manager.wait("STATUS=0/100 connections")
            self.taken(daemon, 200)

    def test_silent_pipe(self):
        """from a pipe into which nobody writes keeps nobody from being served, and nobody from ending the daemon"""
        with Daemon() as daemon:
            os.unlink(daemon.path)
            os.mkfifo(daemon.path)
            for writer in [None, os.open(daemon.path, os.O_RDWR)]:
                with self.subTest("with a writer" if writer else "without a writer"):
                    daemon.reload()
                    until("an open pipe", lambda: daemon.faults.calls("open") > (2 if writer else 1))
                    daemon.answers()
            daemon.signal(signal.SIGTERM)
            daemon.exits(0)
            os.close(writer)

    def test_written_pipe(self):
        """from a pipe is taken once the writer is done"""
        with Daemon() as daemon:
            with open(daemon.path) as file:
                text = file.read()
            os.unlink(daemon.path)
            os.mkfifo(daemon.path)
            daemon.reload()
            with open(daemon.path, "w") as pipe:
                pipe.write(text.replace("{", '{"MaxConn": 50, ', 1))
            daemon.manager.wait("STATUS=0/50 connections")


class Start(Checks):
    """A start"""

    def test_silent_pipe(self):
        """from a pipe into which nobody writes ends with status 78"""
        with Daemon() as model:
            os.unlink(model.path)
            os.mkfifo(model.path)
            with Daemon(arguments=["--config", model.path], serves=False) as daemon:
                daemon.exits(78)
                daemon.log.wait("pipe")
