"""Peers that reset or half-close their connection at every stage of its life."""

import signal
import socket
import struct

from daemon import GREETING, PONG, Checks, Daemon, exchange, reset, until

ECHO = 3
SLOW = {"greeting": {}, "ping": {}, "echo": {"Delay": 0.3}}
BLOCKING = {"greeting": {}, "ping": {}, "echo": {"Delay": 0.3, "Blocking": True}}
HEADER = struct.pack("<II", 100, ECHO)
POOLS = [0, 2]


def raw(peer, data):
    peer.socket.sendall(data)


def before_first_byte(daemon, peer):
    pass


def mid_header(daemon, peer):
    raw(peer, HEADER[:5])


def mid_body(daemon, peer):
    raw(peer, HEADER + b"half")


def between_messages(daemon, peer):
    assert peer.ask() == (0, PONG)


def handler_runs(daemon, peer):
    peer.send((ECHO, b"slow"))


def requests_wait(daemon, peer):
    peer.send(*[(ECHO, b"slow"), (0, b""), (0, b""), (ECHO, b"slow")])


def replies_queued(daemon, peer):
    """The kernel takes nothing of the answer."""
    daemon.faults.inject("send", 11)
    peer.send((0, b""))
    until("a refused send", lambda: daemon.faults.injected("send") > 2)


STAGES = [before_first_byte, mid_header, mid_body, between_messages, handler_runs, requests_wait, replies_queued]


class Resets(Checks):
    """A peer that resets its connection"""

    def test_stages(self):
        """at any stage ends with reason reset, harms nobody, and leaves nothing behind"""
        for workers in POOLS:
            for stage in STAGES:
                with self.subTest(stage.__name__, workers=workers):
                    self.resets(stage, workers)

    def resets(self, stage, workers, plugins=SLOW):
        with Daemon(WorkerPoolSize=workers, MaxConn=4, Plugins=plugins) as daemon, daemon.peer() as other:
            peers = [daemon.peer() for _ in range(3)]
            for peer in peers:
                stage(daemon, peer)
                reset(peer)
            daemon.faults.clear()
            self.assertEqual(other.ask(), (0, PONG))
            # What was received is handled first.
            daemon.ended("reset", 3)
            others = [daemon.peer() for _ in range(3)]
            for peer in others:
                self.assertEqual(peer.ask(), (0, PONG))
                peer.close()

    def test_blocking_handler(self):
        """while its handler blocks a worker ends when the handler does"""
        self.resets(handler_runs, 2, BLOCKING)
        self.resets(requests_wait, 2, BLOCKING)

    def test_before_accept(self):
        """before it is accepted takes no place for longer than it takes to see that"""
        with Daemon(MaxConn=2) as daemon, daemon.peer() as other:
            daemon.stop()
            for greeted in [b"", HEADER[:3], HEADER]:
                peer = daemon.peer(greeted=False)
                raw(peer, greeted)
                reset(peer)
            daemon.go_on()
            until("all three", lambda: len(daemon.ends()) + len(daemon.log.with_text("connection refused")) >= 3)
            exchange(other, count=3)
            daemon.answers()
            self.assertLessEqual(set(daemon.ends()), {"reset", "peer-closed"})

    def test_before_its_loop(self):
        """after it is accepted, before its event loop knows it, is seen by that loop"""
        with Daemon(IOThreads=2) as daemon:
            for _ in range(50):
                reset(daemon.peer(greeted=False))
            daemon.answers()
            until("every end", lambda: len(daemon.ends()) == 51)

    def test_lingering(self):
        """while it is waited for at the end is not waited for any longer"""
        with Daemon(LingerTimeout=3600, DrainTimeout=3600) as daemon:
            peers = [daemon.peer() for _ in range(3)]
            daemon.signal(signal.SIGTERM)
            for peer in peers:
                # Its end has come, so the daemon waits for ours.
                self.assertEqual(peer.rest(), [])
                reset(peer)
            daemon.exits(0)
            self.assertEqual(daemon.ends(), ["draining"] * 3)

    def test_draining(self):
        """while its requests are handled at the end does not keep the daemon"""
        with Daemon(DrainTimeout=3600, LingerTimeout=3600, Plugins=SLOW) as daemon, daemon.peer() as good:
            bad = daemon.peer()
            for peer in [good, bad]:
                peer.send((ECHO, b"one"), (0, b""))
            daemon.signal(signal.SIGTERM)
            daemon.log.wait("draining: 2 connections left")
            reset(bad)
            self.assertEqual(good.rest(), [(ECHO, b"one"), (0, PONG)])
            good.close()
            daemon.exits(0)
            self.assertEqual(sorted(daemon.ends())[0], "draining")


class HalfCloses(Checks):
    """A peer that ends its side only"""

    EXPECTED = {
        before_first_byte: ("peer-closed", []),
        mid_header: ("truncated", []),
        mid_body: ("truncated", []),
        between_messages: ("peer-closed", []),
        handler_runs: ("peer-closed", [(ECHO, b"slow")]),
        requests_wait: ("peer-closed", [(ECHO, b"slow"), (0, PONG), (0, PONG), (ECHO, b"slow")]),
        replies_queued: ("peer-closed", [(0, PONG)]),
    }

    def test_stages(self):
        """at any stage gets every answer, and the right reason"""
        for workers in POOLS:
            for stage in STAGES:
                with self.subTest(stage.__name__, workers=workers):
                    self.half_closes(stage, workers)

    def half_closes(self, stage, workers):
        reason, answers = self.EXPECTED[stage]
        with Daemon(WorkerPoolSize=workers, MaxConn=2, Plugins=SLOW) as daemon, daemon.peer() as other:
            with daemon.peer() as peer:
                stage(daemon, peer)
                peer.socket.shutdown(socket.SHUT_WR)
                daemon.faults.clear()
                self.assertEqual(peer.rest(), answers)
            daemon.ended(reason)
            exchange(other, count=3)
            daemon.answers()

    def test_before_accept(self):
        """before it is accepted is greeted and answered"""
        with Daemon() as daemon:
            daemon.stop()
            with daemon.peer(greeted=False) as peer:
                peer.send((0, b""), (0, b""))
                peer.socket.shutdown(socket.SHUT_WR)
                daemon.go_on()
                self.assertEqual(peer.rest(), [GREETING, (0, PONG), (0, PONG)])
            daemon.ended("peer-closed")

    def test_lingering(self):
        """while it is waited for at the end ends then"""
        with Daemon(LingerTimeout=3600, DrainTimeout=3600) as daemon, daemon.peer() as peer:
            daemon.signal(signal.SIGTERM)
            self.assertEqual(peer.rest(), [])
            peer.socket.shutdown(socket.SHUT_WR)
            daemon.exits(0)
            self.assertEqual(daemon.ends(), ["draining"])
