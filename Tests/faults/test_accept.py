"""accept4 and what comes right after it."""

import errno

from daemon import PONG, Checks, Daemon, exchange, until

SHORTAGES = ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]


class Accepting(Checks):
    """Accepting"""

    def test_shortage(self):
        """rests while files or memory are short, and goes on; those who are in are served meanwhile"""
        for name in SHORTAGES:
            with self.subTest(name), Daemon() as daemon, daemon.peer() as member:
                daemon.faults.inject("accept", getattr(errno, name))
                calls, cpu = daemon.faults.calls("accept"), daemon.cpu_seconds()
                with daemon.peer(greeted=False) as newcomer:
                    # Three times it tried again: a tenth of a second apart, so this is far from spinning.
                    until("three rests", lambda: daemon.faults.injected("accept") >= 3)
                    exchange(member)
                    tried = daemon.faults.calls("accept") - calls
                    self.assertLess(tried, 100)
                    self.assertLess(daemon.cpu_seconds() - cpu, 1)
                    daemon.faults.clear()
                    self.assertEqual(newcomer.receive()[0], 2)
                    self.assertEqual(newcomer.ask(), (0, PONG))
                daemon.log.wait("accepting again")
                self.assertEqual(len(daemon.log.with_text("accepting rests")), 1)

    def test_flapping_shortage(self):
        """that fails every other time fills no log"""
        with Daemon() as daemon:
            daemon.faults.inject("accept", errno.EMFILE, every=2)
            for _ in range(60):
                daemon.answers()
            daemon.faults.clear()
            # Before each that came in, however few calls find nobody.
            self.assertGreaterEqual(daemon.faults.injected("accept"), 60)
            daemon.answers()
            until("every end", lambda: len(daemon.ends()) == 61)
            lines = len(daemon.log.with_text("accepting"))
            self.assertGreater(lines, 0)
            self.assertLess(lines, 60)

    def test_aborted(self):
        """passes over connections that were aborted before"""
        for name in ["ECONNABORTED", "EPROTO", "EPERM", "EINTR"]:
            with self.subTest(name), Daemon() as daemon:
                daemon.faults.inject("accept", getattr(errno, name), times=200)
                daemon.answers()
                # The rest of them, with many connections at once.
                peers = [daemon.peer() for _ in range(50)]
                self.assertGreater(daemon.faults.injected("accept"), 0)
                for peer in peers:
                    exchange(peer, count=3)
                    peer.close()

    def test_place_is_kept(self):
        """loses no place in MaxConn to any failure"""
        with Daemon(MaxConn=5) as daemon:
            for code in [errno.EMFILE, errno.ECONNABORTED, errno.ENOMEM, errno.EINTR, errno.EIO]:
                daemon.faults.inject("accept", code, times=20)
                daemon.answers()
                daemon.faults.clear()
                self.assertGreater(daemon.faults.injected("accept"), 0)
            peers = [daemon.peer() for _ in range(5)]
            for peer in peers:
                self.assertEqual(peer.ask(), (0, PONG))
                peer.close()

    def test_registration(self):
        """ends only the connection that epoll has no room for"""
        for name in ["ENOMEM", "ENOSPC"]:
            with self.subTest(name), Daemon(MaxConn=3, IOThreads=2) as daemon, daemon.peer() as member:
                daemon.faults.inject("epoll_add", getattr(errno, name), times=4)
                for _ in range(4):
                    with daemon.peer(greeted=False) as peer:
                        self.assertRaises((EOFError, ConnectionError), peer.receive)
                self.assertEqual(daemon.faults.injected("epoll_add"), 4)
                daemon.answers()
                exchange(member)
                with daemon.peer(), daemon.peer():
                    pass

    def test_interrupted_wait(self):
        """and serving do not depend on a wait that is not interrupted"""
        with Daemon() as daemon, daemon.peer() as peer:
            daemon.faults.inject("epoll_wait", errno.EINTR, every=2)
            daemon.faults.inject("wake", errno.EINTR, every=2)
            daemon.faults.inject("close", errno.EINTR)
            exchange(peer)
            for _ in range(20):
                daemon.answers()
            for kind in ["epoll_wait", "wake", "close"]:
                self.assertGreater(daemon.faults.injected(kind), 0, kind)
