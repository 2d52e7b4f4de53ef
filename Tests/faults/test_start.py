"""A start for which something of the system is missing."""

import errno
import os
import resource

from daemon import Checks, Daemon

# More than a start takes of anything.
MANY = 30


class Start(Checks):
    """A start"""

    def test_threads(self):
        """with too few threads ends with status 69 and says so; with enough it serves"""
        reason = "pthread_create: Resource temporarily unavailable"
        self.needs_some([self.serves(reason, "thread", errno.EAGAIN, limit=limit) for limit in range(1, MANY)])

    def test_sockets(self):
        """with too few sockets ends with status 69 and says so; with enough it serves"""
        reason = "socket: Too many open files"
        self.needs_some([self.serves(reason, "socket", errno.EMFILE, skip=count) for count in range(6)])

    def test_files(self):
        """with few open files serves, or ends with status 69 and says how many it takes"""
        for settings in [{"IOThreads": 2}, {"IOThreads": 1, "ReservedDescriptors": 0}, {"IOThreads": 8, "ReservedDescriptors": 0}]:
            with self.subTest(settings):
                outcomes = [self.copes({resource.RLIMIT_NOFILE: count}, "RLIMIT_NOFILE", **settings) for count in range(3, 41)]
                self.assertEqual(outcomes, sorted(outcomes))
                self.assertEqual(any(outcomes), "ReservedDescriptors" in settings)
        self.assertTrue(self.copes({resource.RLIMIT_NOFILE: 65}, "RLIMIT_NOFILE", IOThreads=2))

    def test_files_counted(self):
        """takes no more files than are counted when it is found out whether there are enough"""
        with Daemon(IOThreads=3) as daemon, daemon.peer():
            # Those that come and go are not open now: of log and manager, of a reload, and of somebody for whom there is no place.
            self.assertLessEqual(len(os.listdir(f"/proc/{daemon.pid}/fd")) - 1 + 6, 20 + 2 * 3)

    def test_files_and_check(self):
        """with few open files is told from a file that cannot be read; a question is answered"""
        for count in range(4, 23):
            with self.subTest(count=count):
                self.assertFalse(self.copes({resource.RLIMIT_NOFILE: count}, "RLIMIT_NOFILE", IOThreads=1, ReservedDescriptors=0))
            with Daemon(["--check"], serves=False, limits={resource.RLIMIT_NOFILE: count}) as daemon:
                daemon.exits(0)

    def test_address_space(self):
        """with little address space serves, or ends with status 69 and says how much it takes"""
        outcomes = [self.copes({resource.RLIMIT_AS: size << 20}, "RLIMIT_AS") for size in range(200, 921, 20)]
        # In between it depends on whether the thread of the log has been given an arena of its own yet.
        self.assertFalse(outcomes[0])
        self.assertTrue(all(outcomes[-10:]))

    def test_data(self):
        """with little memory for data serves, or ends with status 69 and says how much it takes"""
        self.needs_some([self.copes({resource.RLIMIT_DATA: size << 20}, "RLIMIT_DATA") for size in range(20, 921, 60)])

    def copes(self, limits, name, **settings):
        """Whether it serves with these limits, and ends at SIGTERM. If not, it says which limit is too low, soon."""
        with Daemon(serves=False, limits=limits, **settings) as daemon:
            log = daemon.log
            log.wait_for(lambda: log.with_text("plugins:") or log.is_over, f"a word with {limits}")
            if log.with_text("plugins:"):
                daemon.started()
                daemon.answers()
                daemon.reload()
                log.wait("configuration reloaded")
                daemon.end()
                return True
            # What the loader says of the few that it takes is the loader's.
            if daemon.process.wait() != 127 or "error while loading shared libraries" not in log.all[-1]:
                daemon.exits(69)
                # The first threads and files are taken before it is known how many will be.
                is_early = "Raise the limit of" in log.all[-1]
                self.assertTrue(is_early or log.with_text(f"({name}) is") and "Raise it" in log.all[-1], log.all)
            return False

    def needs_some(self, served):
        """It does not serve with the fewest, and from some number on always."""
        self.assertEqual(served, sorted(served))
        self.assertFalse(served[0])
        self.assertTrue(served[-1])

    def serves(self, reason, kind, code, **rule):
        """Whether it serves under a rule that is in force from the start."""
        with Daemon(serves=False, faults=lambda faults: faults.inject(kind, code, **rule)) as daemon:
            log = daemon.log
            log.wait_for(lambda: log.with_text("listens on") or log.with_text("error:"), f"whether it serves with {rule}")
            if log.with_text("listens on"):
                return True
            daemon.exits(69)
            self.assertTrue(log.with_text(reason), log.all)
            self.assertGreater(daemon.faults.injected(kind), 0)
            return False
