"""send and recv that take less than they are given, nothing at all, or fail."""

import errno
import struct
import time

from daemon import PONG, Checks, Daemon, exchange, until

# As a worker and as the event loop write.
POOLS = [0, 2]


class Bytes(Checks):
    """Every answer is complete, in order, byte for byte"""

    def served(self, count=200, **rules):
        """Exchanges messages on two connections while the rules are in force. They must have been."""
        for workers in POOLS:
            with self.subTest(workers=workers), Daemon(WorkerPoolSize=workers) as daemon:
                with daemon.peer() as first, daemon.peer() as second:
                    for kind, rule in rules.items():
                        daemon.faults.inject(kind, **rule)
                    exchange(first, count)
                    exchange(second, count)
                    for kind in rules:
                        self.assertGreater(daemon.faults.injected(kind), 0, kind)

    def test_one_byte(self):
        """when each send and each recv takes one byte"""
        self.served(count=40, send={"limit": 1}, recv={"limit": 1})

    def test_random_parts(self):
        """when each send and each recv takes any part"""
        self.served(send={}, recv={})

    def test_half_headers(self):
        """when each recv takes part of a header"""
        self.served(count=100, recv={"limit": 7})

    def test_again(self):
        """when every other send and recv says EAGAIN though the socket is ready"""
        self.served(send={"error": errno.EAGAIN, "every": 2}, recv={"error": errno.EAGAIN, "every": 2})

    def test_storm(self):
        """after a storm of EAGAIN in which nothing went at all"""
        for workers in POOLS:
            with self.subTest(workers=workers), Daemon(WorkerPoolSize=workers) as daemon, daemon.peer() as peer:
                # A send that fails though there is room is tried again after a rest.
                for kind, times in [("recv", 2000), ("send", 100)]:
                    daemon.faults.inject(kind, errno.EAGAIN, times=times)
                exchange(peer)
                for kind in ["recv", "send"]:
                    self.assertEqual(daemon.faults.left(kind), 0, kind)

    def test_interrupted(self):
        """when signals interrupt every other call"""
        interrupted = {"error": errno.EINTR, "every": 2}
        self.served(send=interrupted, recv=interrupted, epoll_wait=interrupted)

    def test_no_memory(self):
        """when the kernel has no memory to send for a moment"""
        for code in [errno.ENOBUFS, errno.ENOMEM]:
            self.served(count=50, send={"error": code, "every": 2})

    def test_no_memory_to_receive(self):
        """when the kernel has no memory to receive for a moment"""
        for code in [errno.ENOBUFS, errno.ENOMEM]:
            self.served(count=50, recv={"error": code, "every": 2})


class Failing(Checks):
    """A send or recv that fails"""

    # A peer that the kernel gives up although it answers has taken nothing for too long.
    REASONS = {errno.ETIMEDOUT: "slow-consumer", errno.EHOSTUNREACH: "vanished"}

    def test_ends_one(self):
        """ends its connection with the right reason, and no other"""
        for kind in ["send", "recv"]:
            for code in [errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH]:
                for workers in POOLS:
                    with self.subTest(kind, code=errno.errorcode[code], workers=workers):
                        self.ends_one(kind, code, workers)

    def ends_one(self, kind, code, workers):
        with Daemon(WorkerPoolSize=workers, MaxConn=2) as daemon, daemon.peer() as other, daemon.peer() as peer:
            daemon.faults.inject(kind, code, times=1)
            peer.send((0, b""))
            self.assertRaises((EOFError, ConnectionError), peer.receive)
            daemon.ended(self.REASONS.get(code, "reset"))
            self.assertEqual(daemon.faults.injected(kind), 1)
            exchange(other, count=20)
            # Its place is free.
            daemon.answers()

    def test_in_a_message(self):
        """inside an answer leaves the peer with a part of it and nothing else"""
        for workers in POOLS:
            with self.subTest(workers=workers), Daemon(WorkerPoolSize=workers) as daemon, daemon.peer() as peer:
                data = bytes(range(256)) * 10
                # The kernel takes 100 bytes, then nothing; when it is asked again, the connection is broken.
                daemon.faults.inject("send", limit=100, times=1)
                peer.send((3, data))
                until("a part", lambda: daemon.faults.injected("send") == 1)
                daemon.faults.inject("send", errno.ECONNRESET, times=1)
                peer.send((3, data))
                received = b""
                try:
                    while part := peer.stream.read1(4096):
                        received += part
                except ConnectionError:
                    pass
                frame = struct.pack("<II", len(data), 3) + data
                self.assertTrue((frame + frame).startswith(received))
                daemon.ended("reset")


class Shortage(Checks):
    """A kernel that is short of memory for a while"""

    def waits(self, kind, code, workers):
        """Nothing goes while the rule is in force, which must not keep a processor busy; all goes after that."""
        with Daemon(WorkerPoolSize=workers) as daemon, daemon.peer() as peer, daemon.peer() as other:
            daemon.faults.inject(kind, code)
            peer.send((0, b""))
            begin = time.monotonic()
            until("many tries", lambda: daemon.faults.injected(kind) >= 30)
            # A hundredth of a second apart but for the first few, so this is far from spinning.
            self.assertGreater(time.monotonic() - begin, 0.2)
            daemon.faults.clear()
            self.assertEqual(peer.receive(), (0, PONG))
            exchange(other)

    def test_send(self):
        """is asked again now and then, and not all the time"""
        # EAGAIN of a socket that has room is how TCP says it.
        for code in [errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN]:
            for workers in POOLS:
                with self.subTest(errno.errorcode[code], workers=workers):
                    self.waits("send", code, workers)

    def test_receive(self):
        """is asked again now and then for what it has received"""
        for code in [errno.ENOBUFS, errno.ENOMEM]:
            for workers in POOLS:
                with self.subTest(errno.errorcode[code], workers=workers):
                    self.waits("recv", code, workers)
