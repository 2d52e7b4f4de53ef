"""The box with systemd in it, and what an operator does there."""

import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIGURATION = "/etc/zinx/zinx.json"


class Machine:
    def __init__(self, directory):
        self.directory = directory
        pid = subprocess.run([HERE + "/box", "pid", directory], capture_output=True, text=True, check=True).stdout.strip()
        self.root = f"/proc/{pid}/root"

    # Commands

    def start(self, *command, **options):
        return subprocess.Popen([HERE + "/box", "exec", self.directory, *command], **options)

    def run(self, *command, check=True, timeout=120):
        """Runs a command inside; returns its status and what it wrote."""
        process = self.start(*command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = process.communicate(timeout=timeout)[0]
        assert not check or process.returncode == 0, f"{' '.join(command)}: status {process.returncode}\n{output}"
        return process.returncode, output

    def output(self, *command):
        return self.run(*command)[1].strip()

    def systemctl(self, *arguments, check=True):
        return self.run("systemctl", *arguments, check=check)[0]

    def property(self, name, unit="zinxd.service"):
        return self.output("systemctl", "show", "--value", "-p", name, unit)

    def kill(self, signal, pid):
        # The shell's own: kill(1) is in a package that a small Debian does not have.
        self.run("bash", "-c", f"kill -{signal} {pid}")

    # Files

    def path(self, path):
        return self.root + path

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w") as file:
            file.write(text)

    def read(self, path):
        with open(self.path(path)) as file:
            return file.read()

    def configure(self, **settings):
        """Writes the shipped configuration with other values for some keys."""
        self.write(CONFIGURATION, json.dumps({**self.shipped, **settings}, indent=2))

    def drop_in(self, text, name="test"):
        self.write(f"/etc/systemd/system/zinxd.service.d/{name}.conf", text)
        self.systemctl("daemon-reload")

    def fresh(self, **settings):
        """The service as it was installed but for these settings, just started."""
        self.run("rm", "-rf", "/etc/systemd/system/zinxd.service.d")
        self.systemctl("daemon-reload")
        self.systemctl("stop", "zinxd.socket", "zinxd-control.socket", "zinxd.service")
        self.systemctl("reset-failed", "zinxd.service", check=False)
        self.configure(**settings)
        self.systemctl("start", "zinxd")

    # What is to be seen

    def now(self):
        """For `since`. No cursor: with one, journalctl 252 leaves out the first entry that matches."""
        return f"@{time.time():.6f}"

    def journal(self, *matches, since=None):
        """Entries as dictionaries."""
        self.run("journalctl", "--sync")
        after = ["--since", since] if since else []
        text = self.output("journalctl", "-o", "json", "--all", "-u", "zinxd.service", *after, *matches)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def messages(self, since=None):
        return "\n".join(str(entry.get("MESSAGE")) for entry in self.journal(since=since))

    def until(self, what, condition, seconds=10):
        """Waits until the condition holds; returns its value and the seconds that it took."""
        begin = time.monotonic()
        while True:
            value = condition()
            took = time.monotonic() - begin
            if value:
                return value, took
            assert took < seconds, f"not within {seconds} s: {what}"
            time.sleep(0.02)

    def files(self):
        """Every file but those that any use of apt and systemd changes."""
        text = self.output(
            "find", "/", "-xdev", "-regextype", "posix-extended", "-regex",
            "/(proc|sys|dev|tmp|root|var/(log|cache|tmp)|var/lib/(apt|dpkg)|var/lib/systemd/catalog)/.*", "-prune",
            "-o", "-print")
        return set(text.splitlines()) | set(self.output("find", "/run", "-name", "*zinx*").splitlines())
