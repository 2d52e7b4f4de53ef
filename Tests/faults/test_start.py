"""A start for which something of the system is missing."""

import errno

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
