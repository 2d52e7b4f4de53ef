"""Real clients of other protocols on a port that speaks none of them."""

import subprocess

from daemon import Checks, Daemon

CLIENTS = [
    ("http", ["curl", "-s", "http://127.0.0.1:PORT/"]),
    ("http2", ["curl", "-s", "--http2-prior-knowledge", "http://127.0.0.1:PORT/"]),
    ("websocket", ["curl", "-s", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "http://127.0.0.1:PORT/"]),
    ("tls", ["curl", "-sk", "https://127.0.0.1:PORT/"]),
    ("tls", ["openssl", "s_client", "-connect", "127.0.0.1:PORT"]),
    ("tls", ["openssl", "s_client", "-tls1_2", "-connect", "127.0.0.1:PORT"]),
    ("proxy-v1", ["curl", "-s", "--haproxy-protocol", "http://127.0.0.1:PORT/"]),
    ("ssh", ["ssh", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null", "-p", "PORT", "nobody@127.0.0.1"]),
    ("mqtt", ["mosquitto_pub", "-h", "127.0.0.1", "-p", "PORT", "-t", "topic", "-m", "message"]),
]


class Strangers(Checks):
    """A client of another protocol"""

    def test_told(self):
        """is closed at once, and the log says what it looks like"""
        with Daemon(Plugins={"ping": {}}) as daemon:
            for number, (word, command) in enumerate(CLIENTS):
                with self.subTest(command=command[:3]):
                    command = [part.replace("PORT", str(daemon.address[1])) for part in command]
                    client = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    try:
                        line = daemon.log.wait(f" closeReason=oversize connID={number} ")
                        self.assertRegex(line, rf"MaxPacketSize is 4096; looks like .* looksLike={word} ")
                        self.assertNotEqual(client.wait(20), 0)
                    finally:
                        client.kill()
                        client.wait()
