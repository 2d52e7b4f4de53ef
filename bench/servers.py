"""Starts the servers that are measured, and runs zinx-bench against them. Shared by `run` and `scale`."""

import contextlib
import json
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "bench"
ECHO_ID = 3
CERTIFICATES = ROOT / "Tests" / "Certificates"
# A key of P-256.
TLS = {"CertFile": str(CERTIFICATES / "server.pem"), "PrivateKeyFile": str(CERTIFICATES / "server.key")}
# The ways into zinxd, as zinx-bench names them; what others are compared with is the first.
SCHEMES = ["tcp", "ws", "tls", "wss"]


def swift():
    """The compiler, as the Makefile names it or as the path has it."""
    return os.environ.get("SWIFT") or shutil.which("swift") or sys.exit("bench: no Swift compiler found; run `make bench`")


def build():
    """Builds zinxd, zinx-bench and the server in C, optimised. Nothing of it is measured yet."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for product in ("zinxd", "zinx-bench", "handler-forms"):
        command = [swift(), "build", "-c", "release", "--product", product, "--package-path", str(ROOT)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang") or "cc"
    for name, libraries in (("epoll-echo", []), ("tls-echo", ["-lssl", "-lcrypto"])):
        source = ROOT / "bench" / f"{name}.c"
        command = [compiler, "-O3", "-std=gnu11", "-Wall", "-Wextra", "-o", str(BUILD / name), str(source), *libraries]
        subprocess.run(command, check=True)


def program(name):
    return str(ROOT / ".build" / "release" / name)


def pins():
    """The prefixes that put server and load on CPUs of their own; empty where there is one CPU only."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2 or not shutil.which("taskset"):
        return [], []
    return ["taskset", "-c", str(cpus[0])], ["taskset", "-c", str(cpus[-1])]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def zinxd_command(port, directory, **settings):
    """zinxd as shipped, but for what the load needs: the echo plugin, and messages of up to 1 MiB."""
    return daemon_command("zinxd", {"echo": {"MsgID": ECHO_ID}}, port, directory, settings)


def form_command(form, port, directory, **settings):
    """The same daemon with an echo in one of the forms in which handlers are written (Tests/HandlerForms)."""
    return daemon_command("handler-forms", {"forms": {"Form": form}}, port, directory, settings)


def daemon_command(name, plugins, port, directory, settings):
    configuration = {"MaxPacketSize": 1 << 20, "Plugins": plugins}
    if "Listeners" not in settings:
        configuration |= {"Host": "127.0.0.1", "TcpPort": port}
    path = pathlib.Path(directory) / "zinx.json"
    path.write_text(json.dumps(configuration | settings))
    return [program(name), "--config", str(path)]


def tls_echo_command(port):
    return [str(BUILD / "tls-echo"), str(port), TLS["CertFile"], TLS["PrivateKeyFile"]]


def door(scheme, **settings):
    """A zinxd with one way in."""
    listener = {"Name": "door", "Transport": "websocket" if scheme.startswith("ws") else "tcp"}
    if scheme in ("tls", "wss"):
        listener["Tls"] = TLS
    return lambda port, directory: zinxd_command(
        port, directory, **{**settings, "Listeners": [{**listener, "Address": f"127.0.0.1:{port}"}]})


def where(scheme, port):
    """Arguments of zinx-bench that take it there."""
    if scheme == "tcp":
        return []
    verified = ["--ca", str(CERTIFICATES / "ca.pem"), "--server-name", "localhost"] if scheme in ("tls", "wss") else []
    return ["--address", f"{scheme}://127.0.0.1:{port}", *verified]


@contextlib.contextmanager
def started(make_command, pinned=()):
    """Runs a server while the body does; gives it (process, port). `make_command(port, directory)` is its command line."""
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        # The log is written as in use, to where it costs nothing more.
        server = subprocess.Popen([*pinned, *make_command(port, directory)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield server, port
        finally:
            server.kill()
            server.wait()


@contextlib.contextmanager
def running(make_command, pinned=()):
    """As `started`, from when the server listens."""
    with started(make_command, pinned) as (server, port):
        await_listening(server, port)
        yield server, port


def await_listening(server, port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if server.poll() is not None:
            sys.exit(f"bench: the server ended with status {server.returncode}: {' '.join(server.args)}")
        time.sleep(0.005)
    sys.exit("bench: the server did not listen within 10 s")


def load(server, port, arguments, pinned=()):
    """Runs zinx-bench and returns its report. Errors of the load are in the report, and it is up to the caller to refuse them."""
    where = [] if "--address" in arguments else ["--port", str(port)]
    command = [*pinned, program("zinx-bench"), *where, "--server-pid", str(server.pid), "--id", str(ECHO_ID)]
    result = subprocess.run([*command, "--json", "--quiet", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if server.poll() is not None:
        sys.exit(f"bench: the server ended with status {server.returncode} under load: {' '.join(server.args)}")
    if not result.stdout:
        sys.exit(f"bench: zinx-bench ended with status {result.returncode} and measured nothing")
    return json.loads(result.stdout)


def machine():
    """Where the figures were taken, in one line."""
    with open("/proc/cpuinfo") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    version = subprocess.run([swift(), "--version"], capture_output=True, text=True).stdout
    words = version.replace("(", " ").split()
    compiler = words[words.index("version") + 1] if "version" in words else "unknown"
    cpus = len(os.sched_getaffinity(0))
    date = time.strftime("%Y-%m-%d", time.gmtime())
    name = names[0] if names else platform.machine()
    return f"{name}, {cpus} CPU{'s' if cpus != 1 else ''}, Linux {platform.release()}, Swift {compiler}, {date}"
