#!/usr/bin/env -S python3 -B
"""Handshakes of TLS that come to nothing: handshakes.py PORT HELD ABORTED RATE

HELD of them stop at one of the steps and wait to be closed; then ABORTED at each step are closed by their peers, half of them with a
reset, RATE a second. Says "ready" on standard error, then what became of them on standard output. Ends by itself.
"""

import itertools
import json
import resource
import socket
import ssl
import struct
import sys
import time

from loop import READ, WRITE, Loop

# How far a peer goes: nothing, part of the header of a record, a first message without its last byte, the whole of it, and all but the last
# byte of its end of the handshake.
STEPS = ["silent", "header", "cut-hello", "hello", "cut-finished"]
RESET = struct.pack("ii", 1, 0)
# Seconds for all.
PATIENCE = 30
# First messages that are on their way at once: more would be a flood of connects, which is another test.
AT_ONCE = 64


def contexts():
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.minimum_version = made.maximum_version = version
        yield made


class Peer:
    def __init__(self, all, step, is_held, number):
        self.all, self.step, self.is_held, self.number = all, step, is_held, number
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = all.contexts[number % 2].wrap_bio(self.incoming, self.outgoing)
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.socket.bind((f"127.2.0.{number % 200 + 1}", 0))
        self.socket.connect_ex(("127.0.0.1", all.port))
        self.begun = None
        all.loop.watch(self.socket, self.ready, WRITE)

    def shake(self):
        try:
            self.session.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def ready(self, _):
        try:
            if self.begun is None:
                self.begin()
            else:
                self.read()
        except OSError:
            self.all.counts["broke"] += 1
            self.leave()

    def begin(self):
        self.socket.send(b"")
        self.begun = time.monotonic()
        self.all.loop.change(self.socket, READ)
        hello = self.shake()
        self.socket.send({"silent": b"", "header": hello[:3], "cut-hello": hello[:-1]}.get(self.step, hello))
        if self.step in ("silent", "header", "cut-hello"):
            self.is_there()

    def read(self):
        data = self.socket.recv(1 << 16)
        if not data:
            return self.closed()
        if self.step == "hello":
            self.is_there()
        if self.step == "cut-finished":
            self.incoming.write(data)
            if finish := self.shake():
                self.socket.send(finish[:-1])
                self.is_there()

    def is_there(self):
        self.all.arrived()
        if not self.is_held:
            # Not before the daemon has seen what was sent.
            self.all.loop.after(0.02, self.abort)

    def abort(self):
        if self.number % 4 < 2:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.all.counts["aborted"] += 1
        self.leave()

    def closed(self):
        if self.is_held:
            self.all.counts["held"] += 1
            self.all.longest = max(self.all.longest, time.monotonic() - self.begun)
        else:
            self.all.counts["closed early"] += 1
        self.leave()

    def leave(self):
        self.all.loop.forget(self.socket)
        self.socket.close()
        self.all.left += 1


class All:
    def __init__(self, port, held, aborted, rate):
        self.port, self.rate, self.loop, self.contexts = port, rate, Loop(), list(contexts())
        self.counts = {"held": 0, "aborted": 0, "closed early": 0, "broke": 0}
        self.longest, self.left, self.under_way = 0.0, 0, 0
        first = [(STEPS[number % len(STEPS)], True) for number in range(held)]
        then = [(step, False) for _ in range(aborted) for step in STEPS]
        self.queue = [(*what, number) for number, what in enumerate(first + then)]
        self.count = len(self.queue)

    def arrived(self):
        self.under_way -= 1

    def start(self):
        """A few each hundredth of a second, so that those who are held are there within seconds."""
        for _ in itertools.repeat(None, max(1, int(self.rate / 100))):
            if not self.queue or self.under_way >= AT_ONCE:
                break
            self.under_way += 1
            Peer(self, *self.queue.pop(0))
        if self.queue:
            self.loop.after(0.01, self.start)

    def run(self):
        print("ready", file=sys.stderr, flush=True)
        self.start()
        self.loop.run(lambda: self.left == self.count, PATIENCE)
        print(json.dumps({**self.counts, "left over": self.count - self.left, "longest": round(self.longest, 3)}))


def main():
    port, held, aborted, rate = map(int, sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    All(port, held, aborted, rate).run()


main()
