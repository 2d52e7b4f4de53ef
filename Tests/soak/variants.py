"""Which daemons are tried: their configurations, and how reloads change them."""

import json
import subprocess

from doors import listeners

LARGEST = 12000  # bytes of data in a message of the control group: no reload goes below it, nor, with the header, below a foreign frame
SHORTEST_IDLE = 3  # seconds: the least that a reload makes of IdleTimeout and FirstByteTimeout while the control group is there

# What differs most between two daemons: who runs the handlers, and what these do.
STATIONS = [
    {"WorkerPoolSize": 0, "DataPack": "ltv-le", "echo": {}},
    {"WorkerPoolSize": 10, "DataPack": "tlv-be", "echo": {}},
    {"WorkerPoolSize": 10, "DataPack": "ltv-le", "echo": {"Delay": 0.001, "Blocking": True}},
    {"WorkerPoolSize": 0, "DataPack": "tlv-le", "echo": {"Delay": 0.002}},
    {"WorkerPoolSize": 10, "DataPack": "ltv-le", "echo": {"Delay": 0.002}, "IOThreads": 1},
]  # fmt: skip


def configuration(station, max_conn, folder):
    """Every way in is open. Time-outs are short, so that many of them pass in a soak; the control group stays clear of each."""
    station = dict(station)
    plugins = {"ping": {}, "hello": {}, "greeting": {}, "broadcast": {}, "echo": station.pop("echo")}
    return {
        "Listeners": listeners(folder, station["DataPack"]), "MaxConn": max_conn, "MaxPacketSize": 16384, "IOThreads": 2, "IdleTimeout": 5,
        "DrainTimeout": 10, "LingerTimeout": 2, "SlowConsumerTimeout": 2, "LogLevel": "info", "Plugins": plugins, **station,
    }  # fmt: skip


# What a reload may set a key to. A daemon that does not know a key is not told of it.
RELOADS = {
    "MaxConn": lambda draw, base: draw.choice([base["MaxConn"], base["MaxConn"] // 2, base["MaxConn"] // 4, 1]),
    "MaxPacketSize": lambda draw, base: draw.choice([LARGEST + 8, 16384, 60000]),
    "MaxMsgChanLen": lambda draw, base: draw.choice([1, 4, 64, 1024]),
    "MaxWorkerTaskLen": lambda draw, base: draw.choice([1, 16, 1024]),
    "IdleTimeout": lambda draw, base: draw.choice([SHORTEST_IDLE, 5, 8]),
    "SlowConsumerTimeout": lambda draw, base: draw.choice([2, 3, 4]),
    "LingerTimeout": lambda draw, base: draw.choice([1, 2, 3]),
    "LogLevel": lambda draw, base: draw.choice(["info", "info", "notice", "debug"]),
    "OverloadPolicy": lambda draw, base: draw.choice(["reject", "reject", "wait"]),
    "FirstByteTimeout": lambda draw, base: draw.choice([0, SHORTEST_IDLE]),
    "FrameTimeout": lambda draw, base: draw.choice([10, 30]),
    "MinFrameRate": lambda draw, base: draw.choice([0, 64, 256]),
    "VanishedTimeout": lambda draw, base: draw.choice([5, 120]),
    "MaxMsgRate": lambda draw, base: draw.choice([0, 2000]),
    "MaxByteRate": lambda draw, base: draw.choice([0, 4 << 20]),
    "MaxConnPerIP": lambda draw, base: draw.choice([0, 500]),
    "AcceptRate": lambda draw, base: draw.choice([0, 1000]),
    "Deny": lambda draw, base: draw.choice([[], ["127.0.3.0/24"]]),
    "MaxConnQueueBytes": lambda draw, base: draw.choice([4 << 20, 16 << 20]),
    "MaxQueueBytes": lambda draw, base: draw.choice([256 << 20, 512 << 20]),
}

BROKEN = [
    lambda text, draw: text[: draw.randrange(len(text) - 1)],
    lambda text, draw: text.replace('"MaxConn"', '"MaxCon"'),
    lambda text, draw: text.replace('"IdleTimeout":', '"IdleTimeout": -1, "idletimeout":'),
    lambda text, draw: text.replace('"LogLevel": "', '"LogLevel": "x'),
    lambda text, draw: "",
]


def reloaded(draw, base, known):
    changed = dict(base)
    for key in draw.sample(sorted(RELOADS.keys() & known), 3):
        changed[key] = RELOADS[key](draw, base)
    return changed


def broken(draw, base):
    return draw.choice(BROKEN)(json.dumps(base, indent=2), draw)


def known_keys(binary, path):
    """The options that this daemon has."""
    path.write_text("{}")
    return set(json.loads(subprocess.run([*binary, "--print-config", "--config", path], check=True, capture_output=True).stdout))
