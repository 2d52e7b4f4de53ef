#!/usr/bin/python3
"""What an operator expects of the package, tried in a booted Debian. Run by ./run, in the box's network."""

import collections
import contextlib
import json
import os
import pty
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

from machine import CONFIGURATION, HERE, Machine
from zinx import ADDRESS, GREETING, PONG, Peer, Stream

SOURCES = os.path.join(HERE, "../..")
checks = []


def check(sentence):
    def add(function):
        checks.append((sentence, function))
        return function

    return add


def live(machine, text, seconds=1.0):
    """Waits for the status; a change must show within a second."""
    return machine.until(f"status {text}", lambda: machine.property("StatusText") == text, seconds)[1]


# Install


@check("apt installs it on a clean Debian, and it serves at once")
def install(machine, deb):
    assert machine.run("find", "/", "-xdev", "-name", "libswift*")[1] == ""
    shutil.copy(deb, machine.path("/root/zinxd.deb"))
    machine.files_before, machine.users_before = machine.files(), machine.output("getent", "passwd")
    begin = time.monotonic()
    _, output = machine.run("apt-get", "install", "-y", "/root/zinxd.deb")
    machine.until("active", lambda: machine.property("ActiveState") == "active")
    took = time.monotonic() - begin
    with Peer() as peer:
        assert peer.ask() == (0, PONG)
    assert "0 upgraded, 1 newly installed" in output, output
    machine.shipped = json.loads(machine.read(CONFIGURATION))
    return f"{took:.1f} s from apt-get to the first answer; installed size {machine.output('dpkg-query', '-Wf${Installed-Size}', 'zinxd')} KiB"


@check("systemctl start takes less than a second, and status says 0/12000 connections")
def start(machine):
    machine.systemctl("stop", "zinxd")
    begin = time.monotonic()
    machine.systemctl("start", "zinxd")
    took = time.monotonic() - begin
    assert took < 1, took
    assert machine.property("StatusText") == "0/12000 connections"
    status = machine.output("systemctl", "status", "zinxd")
    assert 'Status: "0/12000 connections"' in status, status
    return f"{took * 1000:.0f} ms"


ABSENT = "203.0.113.7"


def starting(machine, seconds):
    """The service as systemd sees it in each of so many seconds, all of which it starts for the first time."""
    texts = []
    for _ in range(seconds):
        time.sleep(1)
        assert machine.property("ActiveState") == "activating" and machine.property("NRestarts") == "0", machine.messages()
        texts.append(machine.property("StatusText"))
    return texts


@check("an address that comes after the boot, long after systemd's patience, is waited for without a restart")
def late_address(machine):
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    machine.configure(Host=ABSENT)
    machine.drop_in("[Service]\nTimeoutStartSec=3\n")
    since = machine.now()
    machine.systemctl("start", "--no-block", "zinxd")
    try:
        texts = starting(machine, 12)
        assert texts[3:] == [f"Waiting for the address {ABSENT}:7777"] * 9, texts
        # This program is in the network of the box.
        subprocess.run(["ip", "address", "add", ABSENT + "/32", "dev", "lo"], check=True)
        _, took = machine.until("active", lambda: machine.property("ActiveState") == "active", 3)
        with Peer(address=(ABSENT, 7777)) as peer:
            assert peer.ask() == (0, PONG)
    finally:
        subprocess.run(["ip", "address", "delete", ABSENT + "/32", "dev", "lo"], check=False)
    lines = machine.journal("_COMM=zinxd", since=since)
    assert sum("waiting for" in entry["MESSAGE"] for entry in lines) == 1 and len(lines) < 10, machine.messages(since)
    return f"served {took:.1f} s after it came, {len(lines)} lines in the journal"


@check("a start that waits for an address ends at once with systemctl stop")
def stopped_wait(machine):
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    machine.configure(Host=ABSENT)
    machine.systemctl("start", "--no-block", "zinxd")
    machine.until("waiting", lambda: machine.property("StatusText").startswith("Waiting for"), 5)
    begin = time.monotonic()
    machine.systemctl("stop", "zinxd")
    took = time.monotonic() - begin
    assert took < 1, took
    assert machine.property("Result") == "success" and machine.property("ActiveState") == "inactive"
    return f"{took * 1000:.0f} ms"


@check("a name that resolves only when the resolver's files have been replaced is waited for, also in the sandbox")
def late_name(machine):
    hosts = machine.read("/etc/hosts")
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    machine.configure(Host="game.example")
    since = machine.now()
    machine.systemctl("start", "--no-block", "zinxd")
    assert starting(machine, 3)[-1] == "Waiting for the name game.example to resolve"
    machine.write("/etc/hosts.new", hosts + "127.0.0.1 game.example\n")
    machine.run("mv", "/etc/hosts.new", "/etc/hosts")
    _, took = machine.until("active", lambda: machine.property("ActiveState") == "active", 45)
    with Peer() as peer:
        assert peer.ask() == (0, PONG)
    restarts = machine.property("NRestarts")
    machine.write("/etc/hosts.new", hosts)
    machine.run("mv", "/etc/hosts.new", "/etc/hosts")
    assert restarts == "1", machine.messages(since)
    return f"served {took:.0f} s after it came"


@check("systemd-analyze verify is silent")
def verify(machine):
    output = machine.output("systemd-analyze", "verify", "--man=no", "zinxd.service", "zinxd.socket", "zinxd-control.socket")
    assert output == "", output


@check("the exposure of the service is at most 1.1")
def exposure(machine):
    machine.fresh()
    return measure_exposure(machine, 1.1)


def measure_exposure(machine, most):
    level = None
    for offline in ["--offline=true", "--offline=false"]:
        output = machine.output("systemd-analyze", "security", "--no-pager", offline, "zinxd.service")
        level = float(re.search(r"exposure level .*: ([0-9.]+)", output).group(1))
        assert level <= most, output
    return f"{level}"


@check("the process has no capability, no other user's rights, and sees little more than its own files")
def sandbox(machine):
    # A host name is resolved, which takes some of the few files that are there.
    machine.fresh(Host="localhost")
    pid = machine.property("MainPID")
    status = dict(line.split(":", 1) for line in machine.read(f"/proc/{pid}/status").splitlines())
    assert {status[name].strip() for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]} == {"0" * 16}, status
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", status
    assert "0" not in status["Uid"].split() + status["Gid"].split(), status
    maps = machine.read(f"/proc/{pid}/maps")
    assert not re.search(r" .wx", maps), maps
    root = f"/proc/{pid}/root"
    places = "usr etc var srv opt mnt media boot run"
    seen = machine.output("bash", "-c", f"cd {root}; find {places} -path 'usr/lib*' -prune -o ! -type d -print")
    left = [name for name in seen.split() if not name.startswith(("etc/", "run/systemd/journal/"))]
    assert sorted(left) == ["run/systemd/notify", "run/zinxd/control.sock"], left
    configuration = [name for name in seen.split() if name.startswith("etc/")]
    assert len(configuration) < 10 and not any("passwd" in name for name in configuration), configuration
    assert machine.run("bash", "-c", f": >{root}/etc/zinx/new", check=False)[0] != 0
    return f"uid {status['Uid'].split()[0]}, no capability; all it sees but /usr/lib and /etc: {' '.join(left)}"


@check("metrics and health are there in the sandbox, by HTTP")
def metrics(machine):
    machine.fresh(MetricsAddress="127.0.0.1:9117")

    def get(page):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:9117/{page}", timeout=5) as answer:
            return answer.read().decode()

    assert get("healthz") == "ok\n" and get("readyz") == "ok\n"
    with Peer() as peer:
        live(machine, "1/12000 connections")
        lines = get("metrics").splitlines()
    assert "zinx_connections 1" in lines and "zinx_draining 0" in lines, lines
    memory = next(line for line in lines if line.startswith("zinx_resident_memory_bytes "))
    return memory


# What comes with it


@check("the bill of materials names what is linked into the programs, and every shared library that they need")
def materials(machine):
    document = json.loads(machine.read("/usr/share/doc/zinxd/sbom.spdx.json"))
    assert document["spdxVersion"] == "SPDX-2.3", document
    packages = {package["name"]: package for package in document["packages"]}
    version = machine.output("dpkg-query", "-Wf${Version}", "zinxd")
    assert packages["zinxd"]["versionInfo"] == version, packages["zinxd"]
    for name in ["swift-nio", "swift-log", "swift-argument-parser", "swift-runtime", "hdrhistogram-swift"]:
        assert re.match(r"[0-9]+\.[0-9]+", packages[name]["versionInfo"]), packages[name]
        assert packages[name]["licenseDeclared"].startswith("Apache-2.0"), packages[name]
    told = {soname for package in packages.values() for soname in re.findall(r"\S+\.so\.[0-9]+(?:\.[0-9]+)*", package.get("comment", ""))}
    for program in ["/usr/sbin/zinxd", "/usr/bin/zinxctl", "/usr/bin/zinx-client", "/usr/bin/zinx-bench"]:
        section = subprocess.run(["readelf", "-d", machine.path(program)], check=True, capture_output=True, text=True).stdout
        missing = set(re.findall(r"\(NEEDED\).*\[(.+)\]", section)) - {name.rstrip(",") for name in told}
        assert not missing, missing
    return f"{len(packages)} packages"


@check("the package depends on OpenSSL's library, which is the distribution's and not its own")
def libraries(machine):
    depends = re.split(r", *", machine.output("dpkg-query", "-Wf${Depends}", "zinxd"))
    assert any(re.match(r"libssl3 \(>= 3\.", dependency) for dependency in depends), depends
    owners = set()
    for program in ["/usr/sbin/zinxd", "/usr/bin/zinx-client", "/usr/bin/zinx-bench"]:
        loaded = dict(re.findall(r"(\S+) => (\S+)", machine.output("ldd", program)))
        assert {"libssl.so.3", "libcrypto.so.3"} <= loaded.keys(), loaded
        for name in "libssl.so.3", "libcrypto.so.3":
            # dpkg knows it by the path that it was unpacked to.
            path = re.sub("^/lib/", "/usr/lib/", loaded[name])
            owners.add(machine.output("dpkg-query", "-S", path).split(":")[0])
    assert owners == {"libssl3"}, owners
    return next(dependency for dependency in depends if dependency.startswith("libssl3"))


@check("zinxd accepts the configuration that SECURITY.md has for the internet")
def internet(machine):
    with open(os.path.join(SOURCES, "SECURITY.md")) as file:
        text = re.search(r"<!-- internet -->\n```json\n(.*?)```\n<!-- internet -->", file.read(), re.DOTALL).group(1)
    machine.write("/root/internet.json", text)
    assert machine.output("zinxd", "--check", "--config", "/root/internet.json") == "/root/internet.json: OK"
    machine.run("rm", "/root/internet.json")


# The life of a service


@check("three connections show in the status within a second")
def status(machine):
    machine.fresh()
    peers = [Peer() for _ in range(3)]
    took = live(machine, "3/12000 connections")
    for peer in peers:
        peer.close()
    live(machine, "0/12000 connections")
    return f"{took * 1000:.0f} ms"


@check("a reload is in force when systemctl returns, and no connection notices")
def reload(machine):
    machine.fresh()
    pid = machine.property("MainPID")
    peers = [Peer() for _ in range(3)]
    live(machine, "3/12000 connections")
    times = []
    for limit in list(range(100, 119)) + [4]:
        machine.configure(MaxConn=limit)
        begin = time.monotonic()
        machine.systemctl("reload", "zinxd")
        times.append(time.monotonic() - begin)
        assert machine.property("StatusText") == f"3/{limit} connections"
    with Peer() as fourth, Peer(greeted=False) as fifth:
        assert fourth.ask() == (0, PONG)
        assert fifth.rest() == []
    assert all(peer.ask() == (0, PONG) for peer in peers)
    assert machine.property("MainPID") == pid
    assert machine.property("ActiveState") == "active"
    for peer in peers:
        peer.close()
    return f"20 reloads, {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms each"


@check("a bad file fails the reload with line and column in the journal, and the old settings stay")
def bad_reload(machine):
    machine.fresh(MaxConn=77)
    with Peer() as peer:
        live(machine, "1/77 connections")
        since = machine.now()
        machine.write(CONFIGURATION, '{\n  "MaxConn": 5,\n  "TcpPort": 777x\n}\n')
        assert machine.systemctl("reload", "zinxd", check=False) != 0
        assert machine.property("ActiveState") == "active"
        assert machine.property("StatusText").startswith("1/77 connections; reload refused"), machine.property("StatusText")
        assert peer.ask() == (0, PONG)
    text = machine.messages(since)
    line = re.search(r"/etc/zinx/zinx.json:3:\d+: error: .*", text)
    assert line, text
    return line.group(0)


@check("systemctl restart with a bad file refuses to start with 78/CONFIG, once")
def bad_restart(machine):
    since = machine.now()
    assert machine.systemctl("restart", "zinxd", check=False) != 0
    time.sleep(1)
    assert machine.property("ActiveState") == "failed"
    assert machine.property("ExecMainStatus") == "78"
    assert machine.property("NRestarts") == "0"
    text = machine.messages(since)
    assert "status=78/CONFIG" in text and "zinx.json:3:" in text, text
    machine.fresh()


@check("a file that the service may not read, or that leads out of its sandbox, is told with whom it concerns and what to do")
def unreadable(machine):
    told = []
    for break_it, reason, advice in [
        (["chmod", "600", CONFIGURATION], r"permission denied for user zinxd \(uid \d+\); its mode is 0600, its owner uid 0", "chmod a+r"),
        (["bash", "-c", f"mv {CONFIGURATION} /srv/z.json && ln -s /srv/z.json {CONFIGURATION}"], "leads to /srv/z.json, which is not there",
         "Put the file itself there"),
    ]:
        machine.fresh()
        machine.run(*break_it)
        since = machine.now()
        assert machine.systemctl("reload", "zinxd", check=False) != 0
        assert machine.systemctl("restart", "zinxd", check=False) != 0
        text = machine.messages(since)
        assert len(re.findall(reason, text)) == 2 and text.count(advice) >= 2, text
        told.append(re.search(reason, text).group(0))
        status, output = machine.run("zinxd", "--check", "--config", CONFIGURATION)
        assert status == 0 and "warning: " in output and f"{CONFIGURATION}: OK" in output, output
        machine.run("rm", "-f", CONFIGURATION, "/srv/z.json")
    machine.fresh()
    return "; ".join(told)


@check("a directory that was replaced fails the reload, which says that a restart is needed; then it is in force")
def replaced_directory(machine):
    machine.fresh()
    since = machine.now()
    machine.run("bash", "-c", "cp -a /etc/zinx /etc/zinx.new && mv /etc/zinx /etc/zinx.old && mv /etc/zinx.new /etc/zinx")
    machine.configure(MaxConn=5)
    assert machine.systemctl("reload", "zinxd", check=False) != 0
    text = machine.messages(since)
    assert "the directory /etc/zinx is a mount of its own, and what was mounted has been moved" in text, text
    assert "Restart it" in text, text
    machine.systemctl("restart", "zinxd")
    assert machine.property("StatusText") == "0/5 connections"
    machine.run("rm", "-rf", "/etc/zinx.old")


@check("it starts without the journal's directory and others that its unit names; without that of its file it says so itself")
def missing_paths(machine):
    machine.fresh()
    for path in ["/run/systemd/journal", "/boot", "/media", "/mnt", "/opt", "/srv"]:
        machine.systemctl("stop", "zinxd")
        machine.run("mv", path, path + ".away")
        try:
            machine.systemctl("start", "zinxd")
            with Peer() as peer:
                assert peer.ask() == (0, PONG)
            machine.systemctl("stop", "zinxd")
        finally:
            machine.run("bash", "-c", f"rmdir {path} 2>/dev/null; mv {path}.away {path}")
    machine.run("mv", "/etc/zinx", "/etc/away")
    try:
        since = machine.now()
        assert machine.systemctl("start", "zinxd", check=False) != 0
        assert machine.property("ExecMainStatus") == "78", machine.property("ExecMainStatus")
        assert "/etc/zinx/zinx.json: no such file" in machine.messages(since), machine.messages(since)
    finally:
        machine.run("mv", "/etc/away", "/etc/zinx")
    machine.fresh()


@check("systemctl stop with 50 connections and requests in flight loses no answer")
def drain(machine):
    machine.fresh(Plugins={"echo": {"Delay": 0.15}})
    peers = [Peer(greeted=False) for _ in range(50)]
    requests = [(3, b"request %d" % number) for number in range(10)]
    for peer in peers:
        peer.send(*requests)
    # All ten went in one packet: with the first answer they have all been received.
    first = [peer.receive() for peer in peers]
    machine.systemctl("stop", "--no-block", "zinxd")
    text, _ = machine.until("draining", lambda: seen_draining(machine), 3)
    machine.until("stopped", lambda: machine.property("ActiveState") == "inactive", 20)
    lost = sum(first[index : index + 1] + peer.rest() != requests for index, peer in enumerate(peers))
    assert lost == 0, f"{lost} of 50 connections lost answers"
    assert machine.property("Result") == "success"
    for peer in peers:
        peer.close()
    return f"500 of 500 answers; {text}"


def seen_draining(machine):
    show = machine.output("systemctl", "show", "-p", "SubState", "-p", "StatusText", "zinxd.service")
    return "SubState=stop-sigterm" in show and "Draining" in show and show.replace("\n", " ")


@check("an idle stop takes milliseconds")
def idle_stop(machine):
    machine.fresh()
    begin = time.monotonic()
    machine.systemctl("stop", "zinxd")
    took = time.monotonic() - begin
    assert took < 0.5, took
    return f"{took * 1000:.0f} ms"


@check("a drain longer than TimeoutStopSec asks for more time and is not killed")
def long_drain(machine):
    machine.fresh(DrainTimeout=60, Plugins={"echo": {"Delay": 8}})
    machine.drop_in("[Service]\nTimeoutStopSec=2\n")
    since = machine.now()
    with Peer(greeted=False, timeout=30) as peer:
        peer.send((3, b"slow"))
        live(machine, "1/12000 connections")
        begin = time.monotonic()
        machine.systemctl("stop", "zinxd")
        took = time.monotonic() - begin
        assert peer.rest() == [(3, b"slow")]
    text = machine.messages(since)
    assert took > 5 and machine.property("Result") == "success", (took, text)
    assert "SIGKILL" not in text and "timed out" not in text, text
    return f"TimeoutStopSec=2, stopped after {took:.1f} s, Result=success"


# The watchdog


def restarts_by_watchdog(machine, hang):
    pid = machine.property("MainPID")
    since = machine.now()
    hang(pid)
    _, took = machine.until(
        "restarted", lambda: machine.property("MainPID") not in (pid, "0") and machine.property("ActiveState") == "active", 20)
    results = [entry for entry in machine.journal(since=since) if entry.get("UNIT_RESULT") == "watchdog"]
    assert results, machine.messages(since)
    assert machine.property("NRestarts") == "1"
    return f"Result=watchdog, serving again {took:.1f} s after, WatchdogSec=2"


@check("the watchdog restarts a process that was stopped with SIGSTOP")
def watchdog_process(machine):
    machine.fresh()
    machine.drop_in("[Service]\nWatchdogSec=2\n")
    machine.systemctl("restart", "zinxd")
    seen = restarts_by_watchdog(machine, lambda pid: machine.kill("STOP", pid))
    with Peer() as peer:
        assert peer.ask() == (0, PONG)
    return seen


@check("the watchdog restarts a process of which one event loop hangs")
def watchdog_loop(machine):
    # Without workers a handler that blocks holds its event loop. The other loop goes on.
    machine.fresh(WorkerPoolSize=0, IOThreads=2, Plugins={"ping": {}, "echo": {"Delay": 600, "Blocking": True}})
    machine.drop_in("[Service]\nWatchdogSec=2\n")
    machine.systemctl("restart", "zinxd")
    peers = [Peer(greeted=False) for _ in range(2)]
    since = machine.now()

    def hang(_):
        peers[0].send((3, b"hang"))
        assert peers[1].ask() == (0, PONG), "the other event loop should go on"

    seen = restarts_by_watchdog(machine, hang)
    assert any(entry.get("ZINX_LOGGER") and "do not answer" in entry["MESSAGE"] for entry in machine.journal(since=since))
    return seen


@check("a worker that is blocked is a warning, and the service goes on")
def blocked_worker(machine):
    machine.fresh(Plugins={"ping": {}, "echo": {"Delay": 600, "Blocking": True}})
    machine.drop_in("[Service]\nWatchdogSec=2\nTimeoutStopSec=1\n")
    machine.systemctl("restart", "zinxd")
    pid, since = machine.property("MainPID"), machine.now()
    with Peer(greeted=False) as blocked, Peer(greeted=False) as other:
        blocked.send((3, b"wait"))
        machine.until("warning", lambda: "has been blocked in a handler" in machine.messages(since), 15)
        assert other.ask() == (0, PONG)
    assert machine.property("MainPID") == pid and machine.property("NRestarts") == "0"
    machine.kill("KILL", pid)


@check("a crash is restarted")
def crash(machine):
    machine.fresh()
    pid = machine.property("MainPID")
    machine.kill("SEGV", pid)
    _, took = machine.until(
        "restarted", lambda: machine.property("MainPID") not in (pid, "0") and machine.property("ActiveState") == "active", 5)
    with Peer() as peer:
        assert peer.ask() == (0, PONG)
    return f"{took * 1000:.0f} ms"


# The control socket


def zinxctl(machine, *arguments, user=None):
    """As root, or as another user who has what groups he has; status and output."""
    who = ["setpriv", "--reuid", user, "--regid", "nogroup", "--init-groups", "--"] if user else []
    return machine.run(*who, "zinxctl", *arguments, check=False)


@check("zinxctl sees and steers the service as root, and tells anybody else what to switch on")
def control(machine):
    machine.fresh()
    with Peer() as first, Peer() as second:
        assert second.ask() == (0, PONG)
        status = json.loads(zinxctl(machine, "status", "--json")[1])
        assert (status["connections"], status["maxConn"], status["draining"]) == (2, 12000, False), status
        listed = json.loads(zinxctl(machine, "connections", "--json", "--sort", "-received")[1])
        assert [entry["received"] for entry in listed] == [1, 0], listed
        since = machine.now()
        assert zinxctl(machine, "close", str(listed[0]["id"])) == (0, "closed 1\n")
        assert second.rest() == []
        second.close()
        assert zinxctl(machine, "set", "MaxConn", "1")[0] == 0
        live(machine, "1/1 connections")
        assert zinxctl(machine, "drain")[0] == 0
        live(machine, "1/1 connections, accepts nobody until zinxctl resume")
        assert first.ask() == (0, PONG)
        assert zinxctl(machine, "resume")[0] == 0
        live(machine, "1/1 connections")
        code, output = zinxctl(machine, "reload")
        assert code == 0 and "took effect: MaxConn: 1 \u2192 12000" in output, output
        assert re.search(r"control: closes 1 connection \(uid 0, pid \d+\)", machine.messages(since)), machine.messages(since)
        assert zinxctl(machine, "health")[0] == 0
    code, output = zinxctl(machine, "status", user="nobody")
    assert code == 1 and "Permission denied" in output and "zinxd-control.socket" in output, output
    machine.systemctl("stop", "zinxd")
    code, output = zinxctl(machine, "status")
    assert code == 69, output


@contextlib.contextmanager
def member(machine):
    """The user `player` is in the group that zinxd-control.socket lets in."""
    machine.fresh()
    groups, users = machine.read("/etc/group"), machine.read("/etc/passwd")
    machine.write("/etc/group", groups + "gamers:x:2000:player\n")
    machine.write("/etc/passwd", users + "player:x:2001:65534::/:/bin/sh\n")
    try:
        machine.write("/etc/systemd/system/zinxd-control.socket.d/group.conf", "[Socket]\nSocketGroup=gamers\n")
        machine.systemctl("daemon-reload")
        machine.systemctl("stop", "zinxd")
        machine.systemctl("enable", "--now", "zinxd-control.socket")
        machine.systemctl("start", "zinxd")
        yield
        machine.systemctl("reload", "zinxd")
    finally:
        machine.systemctl("disable", "--now", "zinxd-control.socket")
        machine.run("rm", "-rf", "/etc/systemd/system/zinxd-control.socket.d")
        machine.systemctl("daemon-reload")
        machine.write("/etc/group", groups)
        machine.write("/etc/passwd", users)


@check("zinxd-control.socket lets a group in, and nobody else")
def control_group(machine):
    with member(machine):
        with Peer() as peer:
            assert peer.ask() == (0, PONG)
            code, output = zinxctl(machine, "connections", "--json", user="player")
            assert code == 0 and len(json.loads(output)) == 1, output
            since = machine.now()
            assert zinxctl(machine, "close", "--where", "received > 0", user="player") == (0, "closed 1\n")
            assert peer.rest() == []
        line = re.search(r"control: closes 1 connection \((.*)\)", machine.messages(since))
        assert line and line.group(1).startswith("uid unknown, pid "), machine.messages(since)
        code, output = zinxctl(machine, "status", user="nobody")
        assert code == 1 and "zinxd-control.socket" in output, output
        assert zinxctl(machine, "status")[0] == 0, "root is let in by the other one"
    return f"the service sees the member as {line.group(1)}"


# Each command of zinxctl with what it needs; ID is a connection that is there.
ID = object()
COMMANDS = [
    ["status"], ["health"], ["connections", "--sort", "-received"], ["show", ID], ["closed"], ["users"], ["groups"], ["plugins"], ["routes"],
    ["trace", ID, "--for", "100ms"], ["send", ID, "--msg-id", "90", "--data", "x"], ["broadcast", "--msg-id", "90", "--data", "x"],
    ["set", "MaxConn", "500"], ["log", "debug"], ["reload"], ["drain"], ["resume"], ["upgrade", "--check"], ["close", ID],
]


@check("each command of zinxctl is done for root and for a member of the group, and for nobody else")
def control_commands(machine):
    with member(machine):
        known = re.findall(r"^  (\w+)  +\S", machine.output("zinxctl", "--help").partition("SUBCOMMANDS:")[2], re.MULTILINE)
        assert {command[0] for command in COMMANDS} == set(known) - {"help"}, known
        for user in None, "player", "nobody":
            with Peer() as peer:
                assert peer.ask() == (0, PONG)
                number = str(json.loads(zinxctl(machine, "connections", "--json", "--sort", "-id", "--limit", "1")[1])[0]["id"])
                for command in COMMANDS:
                    code, output = zinxctl(machine, *(number if word is ID else word for word in command), user=user)
                    if user == "nobody":
                        assert code == 1 and "zinxd-control.socket" in output, (command, code, output)
                    elif command[0] == "upgrade":
                        # The program that is installed is the one that runs.
                        assert code == 1 and "there is nothing to upgrade to" in output, (user, command, code, output)
                    else:
                        assert code == 0, (user, command, code, output)
    return f"{len(COMMANDS)} commands"


# The socket


@check("zinxd.socket starts the service at the first connect and answers it")
def activation(machine):
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    machine.systemctl("start", "zinxd.socket")
    assert machine.property("ActiveState") == "inactive"
    begin = time.monotonic()
    with Peer() as peer:
        assert peer.ask() == (0, PONG)
    took = time.monotonic() - begin
    assert machine.property("ActiveState") == "active"
    return f"{took * 1000:.0f} ms from connect to answer"


@check("ten restarts with zinxd.socket under a stream of connects refuse nobody")
def restarts(machine):
    with Stream() as stream:
        time.sleep(0.3)
        for _ in range(10):
            machine.systemctl("restart", "zinxd")
            time.sleep(0.2)
    assert stream.refused == 0 and stream.answered > 100, f"{stream} {stream.errors}"
    return f"{stream} {stream.errors or ''}"


@check("without a network of its own the service is served by the socket, and its exposure is at most 0.2")
def isolated(machine):
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    machine.run("mkdir", "-p", "/etc/systemd/system/zinxd.service.d")
    machine.run("ln", "-s", "/usr/share/zinxd/zinxd-isolated.conf", "/etc/systemd/system/zinxd.service.d/")
    machine.systemctl("daemon-reload")
    output = machine.output("systemd-analyze", "verify", "--man=no", "zinxd.service", "zinxd.socket", "zinxd-control.socket")
    assert output == "", output
    machine.systemctl("start", "zinxd")
    assert machine.property("ActiveState", "zinxd.socket") == "active"
    peers = [Peer() for _ in range(100)]
    assert all(peer.ask() == (0, PONG) for peer in peers)
    live(machine, "100/12000 connections")
    machine.configure(MaxConn=200)
    machine.systemctl("reload", "zinxd")
    assert machine.property("StatusText") == "100/200 connections"
    pid = machine.property("MainPID")
    networks = {machine.output("readlink", f"/proc/{process}/ns/net") for process in ["1", pid]}
    assert len(networks) == 2, networks
    with Stream() as stream:
        time.sleep(0.2)
        machine.systemctl("restart", "zinxd")
        time.sleep(0.3)
    assert stream.refused == 0, str(stream)
    for peer in peers:
        peer.close()
    return f"exposure {measure_exposure(machine, 0.2)}; 100 connections, a reload and a restart"


def client(machine, *arguments, user=None):
    """zinx-client's ping by an address, as root or as somebody else; status and output."""
    who = ["setpriv", "--reuid", user, "--regid", "nogroup", "--init-groups", "--"] if user else []
    return machine.run(*who, "zinx-client", "send", "--id", "0", "--data", "", "--timeout", "5", *arguments, check=False)


LOCAL = """[Socket]
ListenStream=/run/zinx-clients.sock
FileDescriptorName=local
Service=zinxd.service
SocketMode=0660
SocketGroup=gamers
"""


@check("a UNIX listener lets in the group of its socket unit and nobody else, also after a crash")
def local_group(machine):
    groups, users = machine.read("/etc/group"), machine.read("/etc/passwd")
    machine.fresh()
    machine.write("/etc/group", groups + "gamers:x:2000:player\n")
    machine.write("/etc/passwd", users + "player:x:2001:65534::/:/bin/sh\n")
    machine.write("/etc/systemd/system/zinxd-local.socket", LOCAL)
    address = ["--address", "unix:/run/zinx-clients.sock"]
    try:
        machine.systemctl("daemon-reload")
        machine.systemctl("stop", "zinxd")
        # The other listener opens its own.
        listeners = [{"Name": "zinx", "Address": "127.0.0.1:7777"}, {"Name": "local", "Address": "unix:/run/zinx-clients.sock"}]
        machine.write(CONFIGURATION, json.dumps({"Listeners": listeners}))
        machine.systemctl("start", "zinxd-local.socket")
        machine.systemctl("start", "zinxd")
        assert machine.output("stat", "-c", "%a %G", "/run/zinx-clients.sock") == "660 gamers"
        since = machine.now()
        for user in "player", None:
            status, output = client(machine, *address, user=user)
            assert status == 0 and PONG.decode() in output, (user, output)
        status, output = client(machine, *address, user="nobody")
        assert status != 0 and "Permission denied" in output, (status, output)
        with Peer() as peer:
            assert peer.ask() == (0, PONG)
        lines = [entry for entry in machine.journal(since=since) if entry.get("ZINX_LISTENER") == "local"]
        peers = {entry["ZINX_PEER"] for entry in lines}
        # Of users other than root it sees the process alone.
        seen = {re.sub(r"pid:\d+", "pid", name) for name in peers}
        assert seen == {"unix:pid,uid:unknown,gid:unknown", "unix:pid,uid:0,gid:0"}, peers
        pid = machine.property("MainPID")
        machine.kill("KILL", pid)
        machine.until("restarted", lambda: machine.property("MainPID") not in (pid, "0") and machine.property("ActiveState") == "active", 5)
        status, output = client(machine, *address, user="player")
        assert status == 0 and PONG.decode() in output, output
    finally:
        machine.systemctl("stop", "zinxd-local.socket", "zinxd")
        machine.run("rm", "-f", "/etc/systemd/system/zinxd-local.socket", "/run/zinx-clients.sock")
        machine.systemctl("daemon-reload")
        machine.write("/etc/group", groups)
        machine.write("/etc/passwd", users)
    return ", ".join(sorted(peers))


# TLS


def certificate(name):
    with open(os.path.join(HERE, "../Certificates", name)) as file:
        return file.read()


def secure():
    """A connection to a server whose authority is that of the tests."""
    context = ssl.create_default_context(cafile=os.path.join(HERE, "../Certificates/ca.pem"))
    context.check_hostname = False
    return context.wrap_socket(socket.create_connection(ADDRESS, 10))


def is_answered(stream):
    stream.sendall(struct.pack("<II", 0, 0))
    received = b""
    while PONG not in received:
        more = stream.recv(4096)
        if not more:
            return False
        received += more
    return True


def shown():
    """The name in the certificate that a new handshake meets; and a question is answered."""
    with secure() as stream:
        assert is_answered(stream)
        return stream.getpeercert()["subject"][0][0][1]


def secured(machine, key):
    """The configuration of a listener with TLS, whose certificate lies beside the configuration."""
    tls = {"CertFile": "/etc/zinx/tls.crt", "PrivateKeyFile": key}
    machine.write(CONFIGURATION, json.dumps({"Listeners": [{"Name": "secure", "Address": "127.0.0.1:7777", "Tls": tls}]}))
    machine.write("/etc/zinx/tls.crt", certificate("server.pem"))


@check("a key that root alone can read comes in by LoadCredential=, and is that of the last start")
def credential(machine):
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    try:
        secured(machine, "$CREDENTIALS_DIRECTORY/tls.key")
        machine.write("/root/tls.key", certificate("server.key"))
        machine.run("chmod", "600", "/root/tls.key")
        machine.drop_in("[Service]\nLoadCredential=tls.key:/root/tls.key\n")
        machine.systemctl("start", "zinxd")
        assert shown() == "localhost"
        assert machine.systemctl("reload", "zinxd", check=False) == 0, machine.messages()
        # Both are replaced, and the key that a reload sees is the one before: it is refused, and nothing changes.
        machine.write("/etc/zinx/tls.crt", certificate("other.pem"))
        machine.write("/root/tls.key", certificate("other.key"))
        assert machine.systemctl("reload", "zinxd", check=False) != 0
        assert shown() == "localhost"
        machine.systemctl("restart", "zinxd")
        assert shown() == "other.test"
        return f"exposure {measure_exposure(machine, 1.1)}"
    finally:
        machine.run("rm", "-f", "/etc/zinx/tls.crt", "/root/tls.key")


@check("a key that a group of the service's can read is renewed by a reload, and no connection notices")
def renewed(machine):
    groups = machine.read("/etc/group")
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    machine.write("/etc/group", groups + "keys:x:2000:\n")
    try:
        secured(machine, "/etc/zinx/tls.key")
        machine.write("/etc/zinx/tls.key", certificate("server.key"))
        machine.run("chown", "root:2000", "/etc/zinx/tls.key")
        machine.run("chmod", "640", "/etc/zinx/tls.key")
        machine.drop_in("[Service]\nSupplementaryGroups=keys\n")
        machine.systemctl("start", "zinxd")
        assert shown() == "localhost"
        with secure() as stays:
            assert is_answered(stays)
            machine.write("/etc/zinx/tls.crt", certificate("other.pem"))
            machine.write("/etc/zinx/tls.key", certificate("other.key"))
            machine.systemctl("reload", "zinxd")
            assert shown() == "other.test"
            assert is_answered(stays)
        return f"exposure {measure_exposure(machine, 1.1)}"
    finally:
        machine.run("rm", "-f", "/etc/zinx/tls.crt", "/etc/zinx/tls.key")
        machine.write("/etc/group", groups)


# The journal


@check("journalctl shows one connection's whole story, with its fields")
def story(machine):
    machine.fresh()
    since = machine.now()
    with Peer() as peer:
        peer.send((4711, b"nobody handles this"))
        assert peer.ask() == (0, PONG)
        address = f"{ADDRESS[0]}:{peer.port}"
    machine.until("its end", lambda: "connection ended" in machine.messages(since))
    number = next(entry["ZINX_CONN_ID"] for entry in machine.journal(since=since) if entry.get("ZINX_PEER") == address)
    added, unknown, ended = machine.journal(f"ZINX_CONN_ID={number}", since=since)
    for entry in added, unknown, ended:
        assert entry["ZINX_PEER"] == address, entry
        assert entry["CODE_FILE"].endswith(".swift") and int(entry["CODE_LINE"]) > 0, entry
        assert entry["SYSLOG_IDENTIFIER"] == "zinxd" and re.fullmatch("[0-9a-f]{32}", entry["MESSAGE_ID"]), entry
    assert [entry["PRIORITY"] for entry in (added, unknown, ended)] == ["6", "4", "6"]
    assert "connection added, conn num = 1" in added["MESSAGE"]
    assert unknown["ZINX_MSG_ID"] == "4711"
    assert ended["ZINX_CLOSE_REASON"] == "peer-closed", ended
    assert "conn num = 0" in ended["MESSAGE"]
    return f"{added['MESSAGE']} / {unknown['MESSAGE']} / {ended['MESSAGE']}"


@check("the journal has a field for what a peer looks like that speaks something else, and explains it")
def stranger(machine):
    machine.fresh()
    since = machine.now()
    with Peer() as peer:
        peer.socket.sendall(struct.pack(">II", 1, 24) + b"Zinx Client Test Message")
        assert peer.rest() == []
    machine.until("its end", lambda: "connection ended" in machine.messages(since))
    (ended,) = machine.journal("ZINX_LOOKS_LIKE=tlv-be", since=since)
    assert ended["ZINX_CLOSE_REASON"] == "oversize", ended
    assert (ended["ZINX_MSG_ID"], ended["ZINX_LENGTH"], ended["ZINX_LIMIT"]) == (str(24 << 24), str(1 << 24), "4096"), ended
    return ended["MESSAGE"]


@check("every lifecycle event has a catalogue entry, and journalctl -x shows it")
def catalogue(machine):
    with open(SOURCES + "/Sources/ZinxDaemon/LifecycleMessage.swift") as file:
        events = set(re.findall(r'"([0-9a-f]{32})"', file.read()))
    with open(SOURCES + "/packaging/zinxd.catalog") as file:
        entries = re.findall(r"^-- ([0-9a-f]{32})$", file.read(), re.MULTILINE)
    assert len(entries) == len(set(entries)) and set(entries) == events, set(entries) ^ events
    listed = machine.output("journalctl", "--list-catalog")
    assert all(event in listed for event in events)
    text = machine.output("journalctl", "-x", "-u", "zinxd", "--no-pager")
    for subject in ["zinxd accepts connections", "A connection was added", "A reload was refused", "zinxd drains"]:
        assert f"Subject: {subject}" in text, subject
    return f"{len(events)} events"


@check("a journald that is stopped stalls no message; what was dropped is counted and reported when it is back")
def stopped_journal(machine):
    machine.fresh()
    journald = machine.property("MainPID", "systemd-journald.service")
    # Each refused reload logs a hundred lines: many more than the log's queue and journald's socket hold.
    machine.write(CONFIGURATION, json.dumps({f"Unknown{number}": 0 for number in range(99)}))
    since = machine.now()
    longest = asked = 0
    machine.kill("STOP", journald)
    try:
        with Peer() as peer:
            reloads = machine.start(
                "bash", "-c", "for _ in {1..80}; do RUNTIME_DIRECTORY=/run/zinxd zinxd --reload; done", stderr=subprocess.DEVNULL)
            while reloads.poll() is None:
                begin = time.monotonic()
                assert peer.ask() == (0, PONG)
                longest = max(longest, time.monotonic() - begin)
                asked += 1
    finally:
        machine.kill("CONT", journald)
    assert longest < 0.25, longest
    report, _ = machine.until(
        "the report", lambda: re.search(r"(\d+) log messages were dropped", machine.messages(since)), 20)
    lines = len(machine.journal(since=since))
    return f"{asked} answers meanwhile, slowest {longest * 1000:.1f} ms; {lines} lines in the journal, '{report.group(0)}'"


@check("a journald and a systemd that are restarted are found again")
def restarted_journal(machine):
    machine.fresh()
    machine.systemctl("restart", "systemd-journald")
    machine.systemctl("daemon-reexec")
    since = machine.now()
    with Peer() as peer:
        live(machine, "1/12000 connections")
        address = f"{ADDRESS[0]}:{peer.port}"
        machine.until("its line", lambda: any(entry.get("ZINX_PEER") == address for entry in machine.journal(since=since)))
        machine.configure(MaxConn=9)
        machine.systemctl("reload", "zinxd")
        assert machine.property("StatusText") == "1/9 connections"


@check("in a terminal the log is text with colour; without it when it is no terminal or NO_COLOR is set")
def terminal(machine):
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    plain = foreground(machine, [], False)
    colour = foreground(machine, [], True)
    none = foreground(machine, ["NO_COLOR=1"], True)
    assert "listens on 127.0.0.1:7777" in plain and "\x1b" not in plain, plain
    assert "listens on 127.0.0.1:7777" in colour and "\x1b[" in colour, colour
    assert "listens on 127.0.0.1:7777" in none and "\x1b" not in none, none
    return plain.splitlines()[0]


def foreground(machine, variables, on_terminal):
    ours, theirs = pty.openpty() if on_terminal else os.pipe()
    process = machine.start(
        "bash", "-c", f"echo $$; exec env {' '.join(variables)} zinxd --config {CONFIGURATION}",
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        while b"plugins:" not in text:
            text += os.read(ours, 4096)
    finally:
        pid, _, lines = text.decode().partition("\n")
        machine.kill("TERM", pid.strip())
        process.wait(10)
        os.close(ours)
    return lines


# Upgrade and removal


def higher_version(machine, deb):
    """The same package with a higher version: what an upgrade does is in the scripts and in dpkg."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["dpkg-deb", "-R", deb, directory + "/new"], check=True)
        control = directory + "/new/DEBIAN/control"
        with open(control) as file:
            text = re.sub(r"(?m)^(Version: .*)$", r"\1+upgrade", file.read())
        with open(control, "w") as file:
            file.write(text)
        subprocess.run(["dpkg-deb", "-Zgzip", "-b", directory + "/new", machine.path("/root/new.deb")], check=True, capture_output=True)


def runs_what_is_installed(machine):
    pid = machine.property("MainPID")
    return machine.run("test", f"/proc/{pid}/exe", "-ef", "/usr/lib/zinxd/zinxd", check=False)[0] == 0


def take_over(machine, package, *options):
    """Installs a package under 500 connections with requests in flight. All stay, and so does the process."""
    peers = [Peer() for _ in range(500)]
    requests = [(3, b"request %d" % number) for number in range(20)]
    for peer in peers:
        peer.send(*requests)
    since, pid = machine.now(), machine.property("MainPID")
    with Stream() as stream:
        machine.run("apt-get", "install", "-y", *options, package)
        time.sleep(0.3)
    lost = sum([peer.receive() for _ in requests] != requests or peer.ask() != (0, PONG) for peer in peers)
    assert lost == 0, f"{lost} of 500 connections lost answers"
    assert stream.refused == 0, str(stream)
    assert machine.property("MainPID") == pid and machine.property("NRestarts") == "0"
    assert runs_what_is_installed(machine)
    text = machine.messages(since)
    assert re.search(r"took over 50\d connections", text) and "draining" not in text, text
    for peer in peers:
        peer.close()
    return stream


@check("an upgrade of the package, and a downgrade, has the new program take over: 500 connections stay, and so do process and conffile")
def upgrade(machine, deb):
    machine.fresh(MaxConn=4321, Plugins={"ping": {}, "greeting": {}, "echo": {"Delay": 0.05}})
    configuration = machine.read(CONFIGURATION)
    higher_version(machine, deb)
    up = take_over(machine, "/root/new.deb")
    assert machine.output("dpkg-query", "-Wf${Version}", "zinxd").endswith("+upgrade")
    down = take_over(machine, "/root/zinxd.deb", "--allow-downgrades")
    assert machine.read(CONFIGURATION) == configuration
    machine.until("status", lambda: machine.property("StatusText").endswith("/4321 connections"))
    return f"10 000 of 10 000 answers in flight, twice; streams: {up}; {down}"


@check("an upgrade with sockets that systemd passed keeps them and the connections")
def upgrade_activated(machine):
    machine.fresh(Plugins={"ping": {}, "greeting": {}, "echo": {"Delay": 0.05}})
    machine.systemctl("stop", "zinxd")
    machine.systemctl("start", "zinxd.socket", "zinxd-control.socket")
    with Peer():
        stream = take_over(machine, "/root/new.deb")
    machine.systemctl("stop", "zinxd.socket", "zinxd-control.socket", "zinxd")
    return str(stream)


@check("an upgrade that the new program refuses leaves the old one serving, and says why")
def refused_upgrade(machine):
    machine.fresh()
    with Peer() as peer:
        pid = machine.property("MainPID")
        machine.write(CONFIGURATION, '{"MaxConn": "many"}')
        _, output = machine.run("apt-get", "install", "-y", "--reinstall", "/root/new.deb")
        assert "goes on" in output and "MaxConn" in output, output
        assert machine.property("MainPID") == pid and not runs_what_is_installed(machine)
        assert peer.ask() == (0, PONG)
    machine.fresh()
    return "the line names the key"


@check("dpkg --purge leaves no file, user, unit or state")
def purge(machine):
    machine.fresh()
    machine.systemctl("stop", "zinxd")
    machine.systemctl("enable", "--now", "zinxd.socket")
    with Peer() as peer:
        assert peer.ask() == (0, PONG)
    machine.run("rm", "-rf", "/etc/systemd/system/zinxd.service.d", "/root/zinxd.deb", "/root/new.deb")
    machine.run("dpkg", "--purge", "zinxd")
    left = machine.files() - machine.files_before
    assert not left, sorted(left)
    assert machine.output("getent", "passwd") == machine.users_before
    units = machine.output("systemctl", "list-units", "--all", "--no-legend", "*zinx*")
    assert units == "" or "not-found" in units, units
    assert machine.run("systemctl", "list-unit-files", "--no-legend", "*zinx*", check=False)[1] == ""
    assert machine.run("bash", "-c", "grep -x zinxd /proc/[0-9]*/comm", check=False)[0] == 1
    assert "5c1d9ac4b7c34ac7a3d4a3b35d4a9c01" not in machine.output("journalctl", "--list-catalog")


def main():
    directory, deb = sys.argv[1:3]
    wanted = sys.argv[3:]
    machine = Machine(directory)
    outcomes = collections.Counter()
    for sentence, function in checks:
        if wanted and function.__name__ not in wanted + ["install"]:
            continue
        begin = time.monotonic()
        since = machine.now()
        try:
            arguments = [machine, deb][: function.__code__.co_argcount]
            seen = function(*arguments)
            outcomes["passed"] += 1
            print(f"passed  {sentence}{f': {seen}' if seen else ''} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception:
            outcomes["failed"] += 1
            print(f"FAILED  {sentence}\n{traceback.format_exc()}", flush=True)
            print(machine.run("journalctl", "--no-pager", "--since", since, check=False)[1][-4000:], flush=True)
    print(f"{outcomes['passed']} passed, {outcomes['failed']} failed")
    sys.exit(1 if outcomes["failed"] else 0)


main()
