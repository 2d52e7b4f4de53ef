"""A zinxd of the soak's own: its process, what it logs, what it tells systemd, what it holds."""

import collections
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

from tally import Violation

# What a daemon under attack may say at WARN or above; everything else is a finding.
EXPECTED = re.compile(
    r"connection refused: "
    r"|more connections come than \d+ a second"
    r"|shed \d+ connections"
    r"|skipped \d+ messages? to peers whose queue was full"
    r"|no route for message id"
    r"|takes effect at the next restart"
    r"|accepting rests"
    r"|reload refused, the running configuration stays in force"
    r"|drain timed out"
)


def end_in_good_order():
    """Whoever stops us with SIGTERM has our `finally` run, too: no daemon is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class Daemon:
    def __init__(self, binary, directory, configuration):
        self.directory = pathlib.Path(directory)
        self.binary, self.configuration = binary, configuration
        self.path = self.directory / "zinx.json"
        self.log_path = self.directory / "log"
        self.reasons, self.counts = collections.Counter(), collections.Counter()
        self.process = None

    # Life

    def start(self, patience=10):
        self.write(self.configuration)
        name = self.directory / "notify"
        name.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(name))
        self.notify.setblocking(False)
        self.status, self.is_ready, self.reloads, self.drained_by_itself = "", False, 0, None
        self.log = open(self.log_path, "ab")
        self.reader, self.rest = open(self.log_path, "rb"), b""
        self.reader.seek(0, 2)
        environment = {"PATH": os.environ.get("PATH", ""), "NOTIFY_SOCKET": str(name)}
        self.process = subprocess.Popen(
            [*self.binary, "--config", str(self.path)], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment
        )
        self.port = None
        self.wait(lambda: self.is_ready and self.port, patience, "is not ready")
        return self

    def wait(self, holds, patience, what):
        end = time.monotonic() + patience
        while not (self.look() or holds()):
            if time.monotonic() > end:
                raise Violation(f"zinxd {what} after {patience} s; status {self.status!r}\n{self.tail()}")
            if self.process.poll() is not None:
                raise Violation(f"zinxd ended by itself with status {self.process.returncode}\n{self.tail()}")
            time.sleep(0.005)

    def kill(self):
        """Whatever happened: nothing of ours is left running."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def check_end(self, begun, limit):
        """After SIGTERM: ended in time, with status 0. Returns how long the drain took."""
        while self.process.poll() is None and time.monotonic() - begun < limit:
            time.sleep(0.002)
        took = time.monotonic() - begun
        if self.process.poll() is None:
            raise Violation(f"the drain has not ended after {limit} s; status {self.status!r}\n{self.tail()}")
        if self.process.returncode != 0:
            raise Violation(f"exit status {self.process.returncode} after SIGTERM\n{self.tail()}")
        self.look()
        self.close()
        return took

    def close(self):
        for file in (self.log, self.reader, self.notify):
            file.close()

    # Configuration

    def write(self, configuration):
        """As an administrator's editor does: a new file takes the place of the old one."""
        temporary = self.path.with_suffix(".new")
        text = configuration if isinstance(configuration, str) else json.dumps(configuration, indent=2)
        temporary.write_text(text)
        temporary.replace(self.path)

    def reload(self, configuration, accepted=True, patience=20):
        self.write(configuration)
        before, self.last_reload = self.reloads, None
        self.signal(signal.SIGHUP)
        self.wait(lambda: self.reloads > before, patience, "has not reloaded")
        if self.last_reload != accepted:
            raise Violation(f"a reload was {'refused' if accepted else 'accepted'} that should not be\n{self.tail()}")

    # What it says

    def look(self):
        """Takes in what has been logged and notified since the last look."""
        while True:
            try:
                message = self.notify.recv(1 << 16).decode()
            except BlockingIOError:
                break
            for line in message.split("\n"):
                key, _, value = line.partition("=")
                if key == "STATUS":
                    self.status = value
                if key == "READY":
                    self.is_ready = True
        lines = (self.rest + self.reader.read()).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            self.take(line.decode(errors="replace"))

    def take(self, line):
        _, _, rest = line.partition(" ")
        level, _, text = rest.strip().partition(" ")
        text = text.strip()
        if ended := re.match(r"connection ended: ([a-z-]+)", text):
            self.reasons[ended[1]] += 1
        elif left_out := re.match(r"left (\d+) lines out of the log", text):
            self.counts["lines left out of the log"] += int(left_out[1])
        elif " listens on " in text:
            found = re.findall(r"(?:on |; )(?:([\w-]+): )?[\d.]+:(\d+),", text)
            self.ports = {name: int(port) for name, port in found}
            self.port = int(found[0][1])
            # Where clients connect to, by the names of the listeners.
            self.targets = {name: ("127.0.0.1", port) for name, port in self.ports.items()}
            self.targets |= dict(re.findall(r"(?:on |; )([\w-]+): unix:([^,]+),", text))
        elif text.startswith(("configuration reloaded", "reload refused")):
            self.reloads += 1
            self.last_reload = text.startswith("configuration")
        elif cut := re.match(r"drain timed out after .*: (\d+) connections were cut", text):
            self.counts["cut at a drain"] += int(cut[1])
            self.drained_by_itself = False
        elif text.startswith("drained: every connection ended by itself"):
            self.drained_by_itself = True
        if level in ("INFO", "NOTICE", "DEBUG", "TRACE"):
            return
        if level in ("WARN", "ERROR", "CRIT"):
            self.counts[f"log lines at {level}"] += 1
            # The lines on a broken file name it.
            if EXPECTED.match(text) or str(self.path) in text:
                return
        raise Violation(f"the daemon's log has a line that nobody expects: {line}\n{self.tail()}")

    def tail(self):
        return "".join(f"  | {line}\n" for line in self.lines()[-15:])

    def about(self, text):
        """What the log says about the ports that a text names."""
        ports = re.findall(r"port (\d+)", text)
        return "".join(f"  | {line}\n" for line in self.lines() if any(line.endswith(f"peer=127.0.0.1:{port}") for port in ports))

    def lines(self):
        return self.log_path.read_text(errors="replace").splitlines()

    # What it holds

    @property
    def live(self):
        numbers = re.match(r"(\d+)/\d+ connections", self.status)
        return int(numbers[1]) if numbers else None

    @property
    def arriving(self):
        """Those in a handshake, which hold a descriptor and are no connections yet."""
        numbers = re.search(r"(\d+) arriving", self.status)
        return int(numbers[1]) if numbers else 0

    def holdings(self):
        proc = pathlib.Path("/proc") / str(self.process.pid)
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return {
            "descriptors": len(os.listdir(proc / "fd")),
            "threads": len(os.listdir(proc / "task")),
            "memory": int(status["VmRSS"].split()[0]) << 10,
        }
