"""The wire format, written a second time: this side of a soak shares nothing with the sources it tests."""

import struct

# DataPack -> how the eight bytes of a header lie, and whether the id stands first.
ORDERS = {"ltv-le": ("<II", False), "tlv-be": (">II", True), "tlv-le": ("<II", True)}

PING, HELLO, GREETING, ECHO, BROADCAST, UNKNOWN = 0, 1, 2, 3, 4, 4711
GREETED = b"DoConnection BEGIN..."
# What is said to everybody: whose word it is, who says it, and the number of the word; of a guest's, how many bytes follow.
SPOKEN = struct.Struct("<4sIQ")
OWN, FOREIGN = b"CTRL", b"HOST"
ANSWERS = {PING: b"ping...ping...ping", HELLO: b"Hello Zinx Router V0.9"}


class Pack:
    def __init__(self, name):
        form, self.id_first = ORDERS[name]
        self.header = struct.Struct(form)

    def head(self, id, length):
        return self.header.pack(id, length) if self.id_first else self.header.pack(length, id)

    def frame(self, id, data=b""):
        return self.head(id, len(data)) + data

    def length(self, head):
        """Bytes of data that the header tells of at the beginning of something."""
        return self.header.unpack_from(head)[1 if self.id_first else 0]

    def take(self, buffer):
        """The whole frames at the beginning of a bytearray, which loses them."""
        frames, at = [], 0
        while len(buffer) - at >= 8:
            id, length = self.header.unpack_from(buffer, at)
            if not self.id_first:
                id, length = length, id
            if len(buffer) - at - 8 < length:
                break
            frames.append((id, bytes(buffer[at + 8 : at + 8 + length])))
            at += 8 + length
        del buffer[:at]
        return frames
