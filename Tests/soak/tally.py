"""Counts, latencies, and the way a soak says that something is wrong."""

import collections
import math


class Violation(Exception):
    """The daemon broke its contract. The text is the evidence."""


class Latencies:
    """Seconds, counted in steps of about 2 percent."""

    STEP = math.log(1.02)

    def __init__(self):
        self.counts = collections.Counter()
        self.longest = 0.0

    def add(self, seconds):
        self.counts[int(math.log(max(seconds, 1e-6)) / self.STEP)] += 1
        if seconds > self.longest:
            self.longest = seconds

    def merge(self, other):
        self.counts.update(other.counts)
        self.longest = max(self.longest, other.longest)

    def percentile(self, percent):
        rest = sum(self.counts.values()) * percent / 100
        for step in sorted(self.counts):
            rest -= self.counts[step]
            if rest <= 0:
                return math.exp((step + 1) * self.STEP)
        return 0.0

    def __str__(self):
        return "p50 {:.2f} ms, p99 {:.2f} ms, longest {:.1f} ms".format(
            self.percentile(50) * 1e3, self.percentile(99) * 1e3, self.longest * 1e3
        )


def listing(counts):
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1])) or "none"
