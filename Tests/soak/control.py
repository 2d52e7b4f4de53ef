"""Clients that keep the rules and hold the daemon to them: each message answered exactly once, in order, byte for byte."""

import collections
import errno
import fcntl
import random
import socket
import struct
import termios
import time

from doors import LAYERS, Door, Refused
from frames import ANSWERS, BROADCAST, ECHO, FOREIGN, GREETED, GREETING, HELLO, OWN, PING, SPOKEN, UNKNOWN
from loop import READ, WRITE
from tally import Latencies, Violation
from variants import SHORTEST_IDLE

# An answer that takes longer is lost.
PATIENCE = 45

Expected = collections.namedtuple("Expected", "id data sent end")


class Habits:
    """How one client of the group speaks. Drawn once, from its number and the seed."""

    def __init__(self, seed, number, largest, doors):
        draw = random.Random(f"{seed} habits {number}")
        self.depth = draw.choice([1, 1, 2, 8, 32, 64])
        self.largest = draw.choice([0, 16, 64, 1000, largest])
        self.ids = draw.choice([[PING], [ECHO], [ECHO, PING, HELLO], [HELLO, ECHO, UNKNOWN], [ECHO]])
        self.splits = draw.random() < 0.2  # its frames leave in pieces
        self.pause = draw.choice([0, 0, 0, 0.01, 0.2])  # between an answer and the next question
        self.slow = draw.random() < 0.15  # reads little at a time, into a small window
        self.eager = draw.random() < 0.2  # speaks before it was greeted
        self.life = draw.choice([None, None, 50, 500, 5000])  # messages on one connection, then a half-close
        self.broadcasts = number % 40 == 7
        # Half of them come in plainly; each other way has its share.
        self.door = "plain" if number % 2 else draw.choice([name for name in doors if name != "plain"])
        # What is sent while others have not let it in yet is nobody's loss.
        self.eager = self.eager and not LAYERS[self.door]
        self.is_foreign = "foreign" in LAYERS[self.door]
        if self.is_foreign:
            # What else there is answers with bytes that are no frame, or comes back with a header inside.
            self.ids, self.broadcasts = [ECHO], False
        self.is_brisk = not (self.splits or self.slow or self.broadcasts or LAYERS[self.door])


class Client:
    def __init__(self, group, number):
        self.group, self.number = group, number
        self.habits = Habits(group.seed, number, group.largest, group.doors)
        self.draw = random.Random(f"{group.seed} client {number}")
        self.spoken = 0  # broadcasts, over all of its connections
        self.socket = None

    # The connection

    def connect(self):
        self.door = Door(self.habits.door, self.draw, self.group.pack)
        self.inbound, self.outbound, self.wire = bytearray(), bytearray(), bytearray()
        # Where bytes of the wire end that the kernel has, and what of the messages is in them, in turn.
        self.marks = collections.deque(maxlen=4096)
        self.sealed = self.wired = 0
        self.expected = collections.deque()
        self.done = collections.deque(maxlen=8)  # what was answered last, to tell a duplicate from a loss
        self.heard = {}  # broadcaster -> number of its last message
        self.sent = self.written = self.asked = self.answered = 0
        self.greeted = self.connected = self.half_closed = self.send_failed = self.waits = self.breathes = False
        self.must = None  # answers owed since the drain began
        self.spoke, self.longest_quiet, self.excused_from = time.monotonic(), 0.0, None
        target = self.group.targets[self.habits.door]
        self.socket = socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET)
        self.socket.setblocking(False)
        if self.habits.slow:
            # With less, the kernel drops whole segments of loopback, and a peer looks as if it took nothing for seconds.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        self.group.connections += 1
        code = self.socket.connect_ex("\0" + target[1:] if target[0] == "@" else target)
        if code not in (0, errno.EINPROGRESS):
            self.group.counts["not connected: " + errno.errorcode[code]] += 1
            self.socket.close()
            self.socket = None
            return self.again(0.05)
        self.interest = WRITE
        self.group.loop.watch(self.socket, self.ready, WRITE)

    def close(self):
        if self.socket:
            self.group.loop.forget(self.socket)
            self.socket.close()
            self.socket = None

    def again(self, seconds=0.02):
        """Connects anew, unless the group has ended."""
        self.close()
        self.group.loop.after(seconds, lambda: self.group.connects and not self.socket and self.connect())

    def violation(self, what):
        raise Violation(
            f"client {self.number} at {self.habits.door} on port {self.port}, {time.monotonic() - self.since:.3f} s old: {what}\n"
            f"  asked {self.asked}, answered {self.answered}, open {len(self.expected)}, written {self.written} of {self.sent} bytes, "
            f"silent for {self.longest_quiet:.3f} s at most, owed since the drain {self.must}, "
            f"greeted {self.greeted}, half-closed {self.half_closed}, habits {vars(self.habits)}"
        )

    def ready(self, events):
        if not self.connected:
            code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self.group.counts["not connected: " + errno.errorcode[code]] += 1
                return self.again(0.05)
            self.connected = True
            name = self.socket.getsockname()
            self.port, self.since = name[1] if isinstance(name, tuple) else 0, time.monotonic()
            self.wire += self.door.begin().take_output()
            if self.habits.is_foreign:
                # Nobody greets there: that it is in, it knows by the first answer.
                self.append(ECHO)
            elif self.habits.eager and self.group.has_room:
                self.ask()
        if events & ~WRITE and not self.breathes:
            self.read()
        if self.socket:
            self.write()

    # Asking

    def ask(self):
        """Fills the pipe up to the depth of this client."""
        self.waits = False
        if self.half_closed or not self.connected or self.group.rests:
            return
        while len(self.expected) < self.habits.depth:
            if self.habits.life and self.asked >= self.habits.life:
                break
            self.append(self.draw.choice(self.habits.ids))
        self.write()

    def append(self, id):
        if self.habits.broadcasts and self.draw.random() < 0.02:
            id, data = BROADCAST, SPOKEN.pack(OWN, self.number, self.spoken)
            self.spoken += 1
        else:
            size = self.draw.randint(0, self.habits.largest)
            start = self.draw.randrange(len(self.group.noise) - size)
            data = self.group.noise[start : start + size]
            if size >= SPOKEN.size:
                data = SPOKEN.pack(OWN, self.number, self.asked) + data[SPOKEN.size :]
        frame = self.group.pack.frame(id, data)
        self.outbound += frame
        self.sent += len(frame)
        self.asked += 1
        if id != UNKNOWN:
            self.expected.append(Expected(id, ANSWERS.get(id, data), time.monotonic(), self.sent))

    def write(self):
        while (self.wire or self.outbound and self.door.is_in) and not self.send_failed:
            if not self.wire:
                self.seal_some()
            try:
                count = self.socket.send(self.wire)
            except BlockingIOError:
                break
            except OSError:
                # What has arrived is still read; the read tells how the stream ended.
                self.send_failed = True
                break
            del self.wire[:count]
            self.end_quiet()
            self.wired += count
            if not self.door.layers:
                self.written += count
            elif not self.wire:
                self.written = self.sealed
                self.marks.append((self.wired, self.written))
            if self.habits.splits and not self.wire:
                break
        self.half_close_when_done()
        waits = self.wire or self.outbound and self.door.is_in
        interest = (0 if self.breathes else READ) | (WRITE if waits and not self.send_failed else 0)
        if interest != self.interest:
            self.interest = interest
            self.group.loop.change(self.socket, interest)

    def seal_some(self):
        limit = self.draw.randint(1, 400) if self.habits.splits else 1 << 16
        piece = bytes(self.outbound[:limit])
        del self.outbound[:limit]
        self.sealed += len(piece)
        self.wire += self.door.seal(piece)

    def end_quiet(self):
        """Called before each word. A busy machine can keep this process silent until the daemon may call the client idle: then
        what was said after that needs no answer."""
        now = time.monotonic()
        quiet, self.spoke = now - self.spoke, now
        self.longest_quiet = max(self.longest_quiet, quiet)
        if quiet >= SHORTEST_IDLE and self.excused_from is None:
            self.excused_from = self.written

    @property
    def was_idle(self):
        self.end_quiet()
        return self.excused_from is not None and not (self.expected and self.expected[0].end <= self.excused_from)

    def half_close_when_done(self):
        if self.half_closed or self.outbound or self.wire or not self.connected or not self.door.is_in:
            return
        has_lived = self.habits.life and self.asked >= self.habits.life
        if self.group.rests or has_lived:
            # Nothing is asked any more, but answers may be open: they have to come.
            self.half_closed = True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.send_failed = True

    # Being answered

    def read(self):
        try:
            data = self.socket.recv(4000 if self.habits.slow else 1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            return self.ended(error)
        if not data:
            return self.ended(None)
        if self.habits.slow:
            self.take_breath()
        try:
            self.inbound += self.door.open(data)
        except Refused as error:
            return self.ended(error)
        except Violation as violation:
            self.violation(violation)
        if not self.half_closed:
            self.wire += self.door.take_output()
            if self.wire:
                self.write()
        now = time.monotonic()
        for id, data in self.group.pack.take(self.inbound):
            self.take(id, data, now)
        if self.greeted and not self.waits and len(self.expected) <= self.habits.depth // 2:
            if self.habits.pause:
                self.waits = True
                self.group.loop.after(self.habits.pause, self.ask_after_pause(self.socket))
            else:
                self.ask()

    def ask_after_pause(self, socket):
        return lambda: self.socket is socket and self.ask()

    def take_breath(self):
        """A slow reader looks away for a moment."""
        self.breathes, socket = True, self.socket
        self.write()

        def go_on():
            if self.socket is socket:
                self.breathes = False
                self.write()

        self.group.loop.after(self.group.breath, go_on)

    def take(self, id, data, now):
        if id == BROADCAST and self.is_from_others(data):
            return
        if not self.greeted:
            self.greeted = True
            if not self.habits.is_foreign:
                if (id, data) != (GREETING, GREETED):
                    self.violation(f"no greeting first, but id {id}: {data[:40]!r}")
                return
        if not self.expected or self.expected[0].id != id or self.expected[0].data != data:
            self.misanswered(id, data)
        first = self.expected.popleft()
        self.done.append(first)
        self.answered += 1
        self.group.checked += 1
        self.group.bytes += len(data)
        if self.excused_from is not None and first.end > self.excused_from:
            self.excused_from = None  # the daemon heard it in time after all
        if self.habits.is_brisk:
            # The others wait for themselves.
            self.group.latencies.add(now - first.sent)

    def is_from_others(self, data):
        mark, number, count = SPOKEN.unpack_from(data) if len(data) >= SPOKEN.size else (b"", 0, 0)
        if mark == FOREIGN:
            return True
        if mark != OWN:
            self.violation(f"a broadcast that nobody sent: {data[:40]!r}")
        if number == self.number:
            return False
        last = self.heard.get(number)
        if last is not None and count <= last:
            self.violation(f"broadcast {count} of client {number} after its {last}")
        if last is not None:
            self.group.missed += count - last - 1  # a queue that is full is left out
        self.heard[number] = count
        self.group.overheard += 1
        return True

    def misanswered(self, id, data):
        def equals(expected):
            return expected.id == id and expected.data == data

        what = "an answer to nothing"
        if any(map(equals, self.done)):
            what = "answered twice"
        for index, expected in enumerate(self.expected):
            if index and equals(expected):
                what = f"lost or out of order: {index} answers were due before"
                break
        due = self.expected[0] if self.expected else None
        self.violation(
            f"{what}\n  got      id {id}, {len(data)} bytes {data[:48]!r}\n"
            f"  expected {'nothing' if due is None else f'id {due.id}, {len(due.data)} bytes {due.data[:48]!r}'}"
        )

    def ended(self, error):
        if error or self.send_failed:
            return self.broke(error)
        if self.inbound:
            self.violation(f"the stream ends inside a frame, after {len(self.inbound)} bytes of it: {bytes(self.inbound[:24])!r}")
        if self.greeted and (self.must is not None or self.half_closed and not self.expected):
            if fault := self.door.fault(is_drained=self.must is not None and not self.half_closed):
                self.violation(fault)
        if self.must is not None:
            if self.answered < self.must:
                self.violation("the drain left requests unanswered that the daemon's kernel had acknowledged")
            self.group.counts["drained"] += 1
        elif not self.greeted:
            self.group.counts["refused"] += 1
        elif self.half_closed and not self.expected:
            self.group.counts["half-closed"] += 1
        elif self.was_idle:
            self.group.counts["late, and closed as idle"] += 1
        elif not self.half_closed:
            self.violation("closed by the daemon for no reason")
        else:
            self.violation("closed by the daemon with answers open, after a half-close")
        self.again(0.1 if not self.greeted else 0.02)

    def broke(self, error):
        """A reset. Only one whose connection never began may meet it: it was refused, or the listener closed before it."""
        if self.greeted and not self.must and self.was_idle:
            self.group.counts["late, and closed as idle"] += 1
            return self.again()
        if self.greeted or self.must:
            self.violation(f"reset ({error or 'at a send'})")
        self.group.counts["refused"] += 1
        self.again(0.1)

    # What the daemon owes

    def note_acknowledged(self):
        """Bytes that the daemon's kernel has acknowledged are received: their requests must be answered."""
        if not self.socket or not self.connected:
            return
        received = self.written
        if self.socket.family != socket.AF_UNIX:  # there it is in the daemon's queue at once
            acknowledged = self.wired - struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
            # Where bytes are sealed, only those of whole records and frames are there.
            received = max((plain for wire, plain in self.marks if wire <= acknowledged), default=0) if self.door.layers else acknowledged
        # Who waits to be let in may have asked already, at a door where nobody greets.
        owed = [expected for expected in self.expected if expected.end <= received and (self.greeted or not self.habits.is_foreign)]
        self.must = self.answered + len(owed)
        self.group.owed += self.must - self.answered

    def check_patience(self, now):
        if self.socket and self.expected and (self.greeted or not self.habits.is_foreign) and now - self.expected[0].sent > PATIENCE:
            self.violation(f"no answer for {PATIENCE} s to id {self.expected[0].id}, {len(self.expected[0].data)} bytes")


class Group:
    def __init__(self, loop, seed, count, largest, breath=0.002, doors=tuple(LAYERS)):
        """`breath`: seconds for which a slow reader looks away after each read; `doors`: where they come in."""
        self.doors = doors
        self.loop, self.seed, self.largest, self.breath = loop, seed, largest, breath
        self.noise = random.Random(f"{seed} noise").randbytes(1 << 17)
        self.counts = collections.Counter()
        self.latencies = Latencies()
        self.checked = self.bytes = self.connections = self.owed = self.overheard = self.missed = 0
        self.connects = self.rests = self.has_room = False
        self.clients = [Client(self, number) for number in range(count)]
        self.look()

    def look(self):
        now = time.monotonic()
        for client in self.clients:
            client.check_patience(now)
        self.loop.after(1, self.look)

    def serve(self, targets, pack, has_room):
        """Everybody connects. `targets`: the addresses of the listeners by their names. `has_room`: nobody fills MaxConn, so that eager
        clients cannot be refused."""
        self.targets, self.pack, self.has_room, self.connects, self.rests = targets, pack, has_room, True, False
        for client in self.clients:
            client.connect()

    def drain(self, signal):
        """Calls `signal` once it is noted what must be answered. Those who are connected go on asking; nobody connects any more."""
        for client in self.clients:
            client.note_acknowledged()
        signal()
        self.stop_connecting()

    def rest(self):
        """Everybody finishes what it has asked, half-closes, and reads to the end."""
        self.rests = True
        self.stop_connecting()
        for client in self.clients:
            if client.socket and client.connected:
                client.write()

    def stop_connecting(self):
        self.connects = False
        for client in self.clients:
            if client.socket and not client.connected:
                client.close()

    @property
    def is_resting(self):
        return all(client.socket is None for client in self.clients)
