"""A Zinx client of a few lines that shares nothing with zinxd's own: sockets and struct."""

import socket
import struct
import threading
import time

GREETING = (2, b"DoConnection BEGIN...")
PONG = b"ping...ping...ping"
ADDRESS = ("127.0.0.1", 7777)


class Peer:
    """One connection. Raises EOFError when the server has closed in good order, ConnectionError when it has not."""

    def __init__(self, greeted=True, timeout=10, address=ADDRESS):
        self.socket = socket.create_connection(address, timeout)
        self.port = self.socket.getsockname()[1]
        self.stream = self.socket.makefile("rb")
        if greeted:
            assert self.receive() == GREETING

    def send(self, *messages):
        self.socket.sendall(b"".join(struct.pack("<II", len(data), id) + data for id, data in messages))

    def receive(self):
        header = self.stream.read(8)
        if not header:
            raise EOFError
        length, id = struct.unpack("<II", header)
        data = self.stream.read(length)
        if len(data) != length:
            raise ConnectionError("closed inside a message")
        return id, data

    def ask(self, id=0, data=b""):
        self.send((id, data))
        return self.receive()

    def rest(self):
        """Every message up to the server's close."""
        messages = []
        try:
            while True:
                messages.append(self.receive())
        except EOFError:
            return messages

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Stream:
    """Connects again and again in the background, asks once on each connection, and counts what becomes of it."""

    def __init__(self, threads=4):
        self.answered = self.refused = self.broken = 0
        self.longest = 0.0
        self.errors = set()
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]

    def run(self):
        while not self.over.is_set():
            begin = time.monotonic()
            outcome = self.once()
            with self.lock:
                setattr(self, outcome, getattr(self, outcome) + 1)
                self.longest = max(self.longest, time.monotonic() - begin)
            time.sleep(0.002)

    def once(self):
        try:
            with Peer(timeout=30) as peer:
                return "answered" if peer.ask() == (0, PONG) else "broken"
        except ConnectionRefusedError:
            return "refused"
        except (OSError, EOFError, AssertionError) as error:
            self.errors.add(repr(error))
            return "broken"

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def __str__(self):
        return (
            f"{self.answered} answered, {self.refused} refused, {self.broken} met the drain, "
            f"longest {self.longest * 1000:.0f} ms"
        )
