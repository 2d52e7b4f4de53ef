"""Programs that a check starts and reads, and the list of its cases."""

import os
import re
import select
import signal
import subprocess
import sys
import time


class Process:
    """A child whose lines are read, and which is ended with this program however that ends."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.lines = ""

    def until(self, pattern, seconds=10):
        """Waits for a line; returns its match."""
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self.lines)):
            ready, _, _ = select.select([self.process.stderr], [], [], max(0, end - time.monotonic()))
            assert ready, f"not within {seconds} s: {pattern}\n{self.lines[-4000:]}"
            more = os.read(self.process.stderr.fileno(), 65536).decode()
            assert more, f"ended before {pattern}\n{self.lines[-4000:]}"
            self.lines += more
        return match

    def close(self):
        if self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.lines += self.process.communicate(timeout=20)[1] or ""
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def run(cases):
    """Runs (name, function) one after the other, says what came of each, and ends with the status of all."""
    failed = 0
    for name, case in cases:
        begin = time.monotonic()
        try:
            case()
            print(f"passed  {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        except (AssertionError, OSError) as error:
            failed += 1
            print(f"FAILED  {name}: {error}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
