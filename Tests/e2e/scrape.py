"""A Prometheus of its own for a check, and what the check asks by HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

MONITORING = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../packaging/monitoring/")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    with DIRECT.open(request, timeout=10) as answer:
        return answer.status, answer.headers, answer.read().decode()


def until(what, seconds=30):
    """Waits for what is true, or a reason that is not."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def process(*command, **options):
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


@contextlib.contextmanager
def prometheus(folder, targets, rules=MONITORING + "zinxd.rules.yml", interval="500ms"):
    """One that scrapes daemons, on loopback; its address."""
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w") as text:
        json.dump({
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": [rules],
            "scrape_configs": [{"job_name": "zinxd", "static_configs": [{"targets": targets}]}],
        }, text)
    port = free_port()
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with process(*command, stderr=subprocess.DEVNULL):
        yield f"http://127.0.0.1:{port}"


def ask_api(server, path):
    """What Prometheus' API says; nil as long as it does not answer."""
    try:
        return json.loads(get(f"{server}/api/v1/{path}")[2])["data"]
    except (urllib.error.URLError, OSError):
        return None


def ask(server, query):
    """The value of a query; nil as long as there is none."""
    data = ask_api(server, f"query?query={urllib.parse.quote(query)}")
    return float(data["result"][0]["value"][1]) if data and data["result"] else None
