"""The time of day that jumps, and a daemon that is stopped for a while."""

import signal
import threading
import time

from daemon import PONG, Checks, Daemon, exchange, reset, until

DAYS = 86_400


class Clock(Checks):
    """A time of day that jumps by days"""

    def test_jumps(self):
        """closes no connection, moves no time-out and no status; only the log shows it"""
        with Daemon(IdleTimeout=3600, SlowConsumerTimeout=3600, LingerTimeout=3600) as daemon, daemon.peer() as peer:
            for days in [10, -10, 4000, -4000, 0]:
                daemon.faults.shift_clock(days * DAYS)
                ends = len(daemon.ends())
                exchange(peer, count=20)
                with daemon.peer() as other:
                    daemon.manager.wait("STATUS=2/12000 connections")
                    exchange(other, count=20)
                daemon.manager.wait("STATUS=1/12000 connections")
                daemon.ended("peer-closed", ends + 1)
                year = time.gmtime(time.time() + days * DAYS).tm_year
                self.assertEqual(daemon.log.with_text("connection ended")[-1][:4], str(year))
            self.assertEqual(set(daemon.ends()), {"peer-closed"})
            self.assertGreater(daemon.faults.calls("clock"), 0)

    def test_time_outs(self):
        """keeps no time-out from coming when it should"""
        for days in [4000, -4000]:
            with self.subTest(days=days), Daemon(IdleTimeout=0.3) as daemon, daemon.peer() as peer:
                daemon.faults.shift_clock(days * DAYS)
                begin = time.monotonic()
                peer.ask()
                self.assertEqual(peer.rest(), [])
                self.assertGreaterEqual(time.monotonic() - begin, 0.3)
                daemon.ended("idle")

    def test_drain(self):
        """changes nothing of a drain that has begun"""
        with Daemon(DrainTimeout=0.5, Plugins={"greeting": {}, "echo": {"Delay": 60}}) as daemon, daemon.peer() as peer:
            peer.send((3, b"slow"))
            begin = time.monotonic()
            daemon.signal(signal.SIGTERM)
            daemon.log.wait("draining: 1 connections left")
            daemon.faults.shift_clock(-4000 * DAYS)
            daemon.exits(0)
            self.assertGreaterEqual(time.monotonic() - begin, 0.5)
            self.assertEqual(daemon.ends(), ["drain-timeout"])

    def test_is_for_the_log(self):
        """is not asked for when a message or a connection comes, unless that is logged"""
        with Daemon(LogLevel="critical", IdleTimeout=3600) as daemon, daemon.peer() as peer:
            exchange(peer)
            calls = daemon.faults.calls("clock")
            for _ in range(100):
                exchange(peer, count=10)
                daemon.answers()
            # Threads of the runtime's pool look at it before they sleep.
            self.assertLess(daemon.faults.calls("clock") - calls, 100)


class Stopped(Checks):
    """A daemon that was stopped (SIGSTOP, a frozen machine) and goes on"""

    IDLE = 0.5

    def test_answers(self):
        """answers what came meanwhile"""
        with Daemon(IOThreads=2) as daemon:
            peers = [daemon.peer() for _ in range(20)]
            daemon.stop()
            for number, peer in enumerate(peers):
                peer.send((3, b"%d" % number), (0, b""))
            # These are completed by the kernel alone.
            newcomers = [daemon.peer(greeted=False) for _ in range(20)]
            for peer in newcomers:
                peer.send((0, b""))
            daemon.go_on()
            for number, peer in enumerate(peers):
                self.assertEqual([peer.receive(), peer.receive()], [(3, b"%d" % number), (0, PONG)])
            for peer in newcomers:
                self.assertEqual([peer.receive()[0], peer.receive()], [2, (0, PONG)])
            for peer in peers + newcomers:
                peer.close()

    def test_innocent_peers(self):
        """reads what came meanwhile before it calls a peer idle"""
        for workers in [0, 2]:
            with self.subTest(workers=workers):
                self.innocent_peers(workers)

    def innocent_peers(self, workers):
        # More than an event loop is told of at once, and more than the log has lines for.
        with Daemon(IdleTimeout=self.IDLE, WorkerPoolSize=workers, LogLevel="critical") as daemon:
            daemon.stop()
            peers = [daemon.peer(greeted=False) for _ in range(700)]
            daemon.go_on()
            for peer in peers:
                self.assertEqual(peer.receive()[0], 2)
            daemon.stop()
            for peer in peers:
                peer.send((0, b""))
            self.stay_stopped()
            daemon.go_on()
            for number, peer in enumerate(peers):
                self.assertEqual(peer.receive(), (0, PONG), f"peer {number}")
            # From then on they are idle.
            for peer in peers:
                self.assertEqual(peer.rest(), [])
                peer.close()

    def test_goodbyes(self):
        """sees that a peer has closed or reset its connection before it calls it idle"""
        with Daemon(IdleTimeout=self.IDLE) as daemon:
            closing, resetting = ([daemon.peer() for _ in range(40)] for _ in range(2))
            daemon.stop()
            for peer in closing:
                peer.close()
            for peer in resetting:
                reset(peer)
            self.stay_stopped()
            daemon.go_on()
            # No more than the log tells of one by one.
            daemon.ended("", 80)
            self.assertEqual(sorted(daemon.ends()), ["peer-closed"] * 40 + ["reset"] * 40)

    def test_silent_peers(self):
        """still closes those who were silent"""
        with Daemon(IdleTimeout=self.IDLE) as daemon, daemon.peer() as peer:
            daemon.stop()
            self.stay_stopped()
            daemon.go_on()
            self.assertEqual(peer.rest(), [])
            daemon.ended("idle")

    def test_readers(self):
        """sees that a peer has taken what the kernel had for it before it calls it a slow consumer"""
        with Daemon(SlowConsumerTimeout=self.IDLE, MaxPacketSize=1 << 20) as daemon, daemon.peer() as peer:
            messages = [(3, bytes([number]) * 1_000_000) for number in range(40)]
            received = []
            sender = threading.Thread(target=peer.send, args=messages)
            reader = threading.Thread(target=lambda: received.extend(peer.receive() for _ in messages))
            sender.start()
            until("the kernel is full", lambda: self.sends_nothing(daemon))
            daemon.stop()
            reader.start()
            self.stay_stopped()
            daemon.go_on()
            reader.join()
            sender.join()
            self.assertEqual(received, messages)

    def sends_nothing(self, daemon):
        """For a fifth of the time-out, though it has sent before."""
        sent = daemon.faults.calls("send")
        time.sleep(self.IDLE / 5)
        return 1 < sent == daemon.faults.calls("send")

    def stay_stopped(self):
        """The time that passes is what is tested; there is no event to wait for."""
        end = time.monotonic() + 2 * self.IDLE
        until("twice the time-out", lambda: time.monotonic() > end)
