"""Clients that keep no rule. Each kind is a generator that says what it waits for, and meets its end as it likes."""

import collections
import random
import socket
import struct

from frames import BROADCAST, ECHO, FOREIGN, HELLO, PING, SPOKEN, UNKNOWN
from doors import LAYERS, LOCAL, Door, Refused
from loop import READ, WRITE
from tally import Violation

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
TCP_REPAIR = 19  # a socket closed in this state says nothing to its peer


class Peer:
    """What every kind does: a socket, and words to wait with."""

    def __init__(self, chaos, kind, draw):
        self.chaos, self.kind, self.draw, self.pack = chaos, kind, draw, chaos.pack
        # Most come in plainly; of the others some speak at the door as if it were open.
        self.name, self.door, self.opened = "plain", None, b""
        if draw.random() < 0.25:
            self.name = draw.choice([name for name in LAYERS if name not in LOCAL])
            if draw.random() < 0.8:
                self.door = Door(self.name, draw, self.pack)
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.script = KINDS[kind](self)
        self.turn = 0

    # Words of a script

    def connect(self):
        yield from self.reach()
        if self.door:
            yield from self.come_in()
        self.is_at_work()

    def come_in(self):
        self.door.begin()
        while True:
            if not (yield from self.put(self.door.take_output())):
                raise OSError("it takes nothing")
            if self.door.is_in:
                return
            if not (data := (yield from self.take(1 << 16, 5))):
                raise OSError("it was not let in")
            self.opened += self.open(data)

    def open(self, data):
        try:
            return self.door.open(data)
        except (Refused, Violation) as error:
            raise OSError(error)

    def reach(self):
        address = f"127.0.{self.draw.randint(1, 4)}.{self.draw.randint(1, 250)}"
        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.socket.bind((address, 0))
        self.socket.connect_ex(self.chaos.targets[self.name])
        yield WRITE, 5
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connect")

    def is_at_work(self, connections=1):
        self.chaos.faults[self.kind] += 1
        self.chaos.connections += connections

    def send(self, data, patience=2):
        return self.put(self.door.seal(data) if self.door and data else data, patience)

    def put(self, data, patience=2):
        """Sends as much as the daemon takes; gives up when it takes nothing for a while."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                if not (yield WRITE, patience):
                    return False
        return True

    def receive(self, count=1 << 16, patience=2):
        """Some bytes of messages; nothing when the stream ends or nothing comes."""
        if not self.door:
            return (yield from self.take(count, patience))
        while not self.opened:
            if not (data := (yield from self.take(count, patience))):
                return b""
            self.opened += self.open(data)
            yield from self.put(self.door.take_output(), patience)
        opened, self.opened = self.opened, b""
        return opened

    def take(self, count, patience):
        """Some bytes of the wire."""
        if not (yield READ, patience):
            return b""
        return self.socket.recv(count)

    def until_end(self, patience=3):
        while (yield from self.receive(patience=patience)):
            pass

    def pause(self, low, high):
        yield 0, self.draw.uniform(low, high)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def requests(self, most, largest=600):
        """Frames that a daemon would serve."""
        ids = [PING, HELLO, ECHO] if most <= 50 else [PING, HELLO]
        frames = []
        for _ in range(self.draw.randint(1, most)):
            frames.append(self.pack.frame(self.draw.choice(ids), self.draw.randbytes(self.draw.randint(0, largest))))
        return b"".join(frames)

    def piece(self):
        """The beginning of a frame that ends inside of it."""
        frame = self.pack.frame(ECHO, self.draw.randbytes(self.draw.randint(1, 3000)))
        return frame[: self.draw.randint(1, len(frame) - 1)]


    def at_a_door(self):
        """Where there is something to come in by."""
        self.name = self.draw.choice([name for name, layers in LAYERS.items() if layers and layers != ["foreign"]])
        self.door = Door(self.name, self.draw, self.pack)

    def knock(self):
        """Connects, and says some of what lets clients in, but not all."""
        self.at_a_door()
        yield from self.reach()
        self.is_at_work()
        first = self.door.begin().take_output()
        yield from self.put(first[: self.draw.randint(0, len(first) - 1)])


def leave(peer):
    yield from peer.connect()


def leave_with_reset(peer):
    yield from peer.connect()
    peer.reset()


def speak(peer):
    yield from peer.connect()
    for _ in range(peer.draw.randint(1, 20)):
        yield from peer.send(peer.requests(3))
        yield from peer.receive()
        yield from peer.pause(0, 0.2)


def dribble(peer):
    yield from peer.connect()
    for byte in peer.requests(2, 30):
        yield from peer.send(bytes([byte]))
        yield from peer.pause(0, 0.1)
    yield from peer.receive()


def stall_in_header(peer):
    yield from peer.connect()
    yield from peer.send(peer.requests(3) + peer.pack.head(ECHO, 100)[: peer.draw.randint(1, 7)])
    yield from peer.pause(1, 12)


def stall_in_body(peer):
    yield from peer.connect()
    yield from peer.send(peer.pack.head(ECHO, 3000) + bytes(peer.draw.randint(0, 2999)))
    yield from peer.pause(1, 12)


def say_nothing(peer):
    yield from peer.connect()
    yield from peer.pause(1, 12)


def never_read(peer):
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    yield from peer.connect()
    for _ in range(peer.draw.randint(1, 30)):
        if not (yield from peer.send(peer.requests(50, 3000), patience=1)):
            break
    yield from peer.pause(0, 6)
    if peer.draw.random() < 0.5:
        peer.reset()


def reset_in_header(peer):
    yield from peer.connect()
    yield from peer.send(peer.requests(5) + peer.pack.head(ECHO, 9)[: peer.draw.randint(1, 7)])
    yield from peer.pause(0, 0.05)
    peer.reset()


def reset_in_body(peer):
    yield from peer.connect()
    yield from peer.send(peer.requests(5) + peer.piece())
    yield from peer.pause(0, 0.05)
    peer.reset()


def reset_with_answers_open(peer):
    yield from peer.connect()
    yield from peer.send(peer.requests(50))
    if peer.draw.random() < 0.5:
        yield from peer.receive(peer.draw.randint(1, 100))
    peer.reset()


def close_without_reading(peer):
    yield from peer.connect()
    yield from peer.send(peer.requests(50))
    yield from peer.pause(0, 0.05)


def vanish(peer):
    """Neither end of stream nor reset, as when a cable is cut. Without the right to do it, an ordinary close."""
    yield from peer.connect()
    yield from peer.send(peer.requests(20) + (peer.piece() if peer.draw.random() < 0.5 else b""))
    yield from peer.pause(0, 0.3)
    try:
        peer.socket.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    except PermissionError:
        pass


def half_close(peer):
    yield from peer.connect()
    yield from peer.send(peer.requests(50))
    peer.half_close()
    yield from peer.until_end()


def half_close_in_frame(peer):
    yield from peer.connect()
    yield from peer.send(peer.requests(5) + peer.piece())
    peer.half_close()
    yield from peer.until_end()


def half_close_and_stay(peer):
    """The daemon has all there is, and nobody takes its answers."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    yield from peer.connect()
    yield from peer.send(peer.requests(50, 3000))
    peer.half_close()
    yield from peer.pause(1, 8)


def leave_at_the_door(peer):
    yield from peer.knock()
    yield from peer.pause(0, 0.1)
    if peer.draw.random() < 0.5:
        peer.reset()


def stall_at_the_door(peer):
    yield from peer.knock()
    yield from peer.pause(1, 12)


def break_the_door(peer):
    """In good order first, then bytes that are none of a record or a frame."""
    peer.at_a_door()
    yield from peer.connect()
    yield from peer.send(peer.requests(5))
    yield from peer.put(peer.draw.randbytes(peer.draw.randint(1, 3000)))
    yield from peer.until_end()


def garbage(peer):
    yield from peer.connect()
    for _ in range(peer.draw.randint(1, 5)):
        yield from peer.send(peer.draw.randbytes(peer.draw.randint(1, 5000)))
        yield from peer.pause(0, 0.1)
    yield from peer.receive()


def oversize(peer):
    yield from peer.connect()
    length = peer.draw.choice([1 << 20, 1 << 31, (1 << 32) - 1, 70000])
    yield from peer.send(peer.requests(3) + peer.pack.head(ECHO, length) + bytes(peer.draw.randint(0, 9000)))
    yield from peer.until_end()


def unknown_ids(peer):
    yield from peer.connect()
    for _ in range(peer.draw.randint(1, 40)):
        yield from peer.send(peer.pack.frame(UNKNOWN + peer.draw.randint(0, 9), peer.draw.randbytes(peer.draw.randint(0, 99))))
    yield from peer.pause(0, 0.5)


def urgent(peer):
    """TCP's urgent byte stands beside the stream, and wakes up whoever does not expect it."""
    yield from peer.connect()
    for _ in range(5):
        yield from peer.send(peer.requests(3))
        peer.socket.send(b"!", socket.MSG_OOB)
        yield from peer.pause(0, 0.2)


def flood(peer):
    yield from peer.connect()
    for _ in range(peer.draw.randint(1, 20)):
        yield from peer.send(peer.requests(400, 60))
        yield from peer.receive()


def broadcast(peer):
    yield from peer.connect()
    for _ in range(peer.draw.randint(1, 3)):
        more = peer.draw.randint(0, 500)
        yield from peer.send(peer.pack.frame(BROADCAST, SPOKEN.pack(FOREIGN, 0, more) + bytes(more)))
        yield from peer.receive()
        yield from peer.pause(0, 0.5)


def storm(peer):
    """Many connects at once, all dropped in one go: most of them beyond what a burst of accepts takes."""
    peers = [socket.socket() for _ in range(peer.draw.randint(50, 300))]
    try:
        for one in peers:
            one.setblocking(False)
            one.connect_ex(peer.chaos.targets[peer.name])
        peer.is_at_work(len(peers))
        yield from peer.pause(0, 0.3)
        if peer.draw.random() < 0.5:
            for one in peers:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    finally:
        for one in peers:
            one.close()


# How often each kind comes.
WEIGHTS = {
    leave: 6, leave_with_reset: 6, speak: 10, dribble: 10, stall_in_header: 8, stall_in_body: 8, say_nothing: 8, never_read: 4,
    reset_in_header: 6, reset_in_body: 6, reset_with_answers_open: 6, close_without_reading: 6, vanish: 4, half_close: 6,
    half_close_in_frame: 6, half_close_and_stay: 3, leave_at_the_door: 5, stall_at_the_door: 4, break_the_door: 3, garbage: 6, oversize: 6, unknown_ids: 4, urgent: 3, flood: 3, broadcast: 0.2,
    storm: 0.15,
}  # fmt: skip
KINDS = {kind.__name__: kind for kind in WEIGHTS}


class Chaos:
    """Keeps so many hostile clients at work, one after the other."""

    def __init__(self, loop, seed, count):
        self.loop, self.count = loop, count
        self.draw = random.Random(f"{seed} chaos")
        self.faults = collections.Counter()
        self.connections = 0
        self.peers = set()
        self.rests = True
        self.tick()

    def serve(self, targets, pack, kinds=None):
        self.targets, self.pack, self.rests = targets, pack, False
        self.kinds = [kind.__name__ for kind in WEIGHTS if kinds is None or kind.__name__ in kinds]
        self.weights = [WEIGHTS[KINDS[kind]] for kind in self.kinds]

    def rest(self):
        self.rests = True
        for peer in list(self.peers):
            self.end(peer)

    def tick(self):
        if not self.rests:
            # Not all at once: the beginning would be one storm.
            for _ in range(min(self.count - len(self.peers), 1 + self.count // 20)):
                self.begin()
        self.loop.after(0.02, self.tick)

    def begin(self):
        kind = self.draw.choices(self.kinds, self.weights)[0]
        try:
            peer = Peer(self, kind, random.Random(self.draw.getrandbits(64)))
        except OSError:
            return
        self.peers.add(peer)
        self.step(peer, None)

    def step(self, peer, result):
        """Runs a script up to its next wait."""
        peer.turn += 1
        try:
            events, seconds = peer.script.send(result)
        except (StopIteration, OSError):
            return self.end(peer)
        turn = peer.turn
        if events:
            self.loop.watch(peer.socket, lambda _: self.ready(peer), events)
        self.loop.after(seconds, lambda: peer.turn == turn and self.late(peer, bool(events)))

    def ready(self, peer):
        self.loop.forget(peer.socket)
        self.step(peer, True)

    def late(self, peer, was_watched):
        if was_watched:
            self.loop.forget(peer.socket)
        self.step(peer, False)

    def end(self, peer):
        peer.turn += 1
        peer.script.close()
        if peer.socket.fileno() >= 0:
            self.loop.forget(peer.socket)
            peer.socket.close()
        self.peers.discard(peer)
