"""The ways into a daemon as a client goes them: TLS, WebSockets, the header of a proxy, a UNIX socket. No I/O: what is to be sent goes in,
the bytes of the wire come out. Written a second time, as frames.py is.
"""

import base64
import hashlib
import pathlib
import socket
import ssl
import struct

from tally import Violation

CERTIFICATES = pathlib.Path(__file__).resolve().parent.parent / "Certificates"
PATH = "/soak"
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Where the proxy says that clients are; Deny has none of it.
CLIENTS = "127.9"

# Name of the listener -> what stands around the messages, from the wire inwards.
LAYERS = {
    "plain": [], "local": [], "proxied": ["proxy"], "secure": ["tls"], "proxied-secure": ["proxy", "tls"], "web": ["web"],
    "secure-web": ["tls", "web"],
}  # fmt: skip


def listeners(folder):
    """The listeners of a daemon, one for each way. The plain one is the first."""
    tls = {"CertFile": str(CERTIFICATES / "server.pem"), "PrivateKeyFile": str(CERTIFICATES / "server.key")}
    parts = {
        "proxy": {"ProxyProtocol": "require", "TrustedProxies": ["127.0.0.0/8"]}, "tls": {"Tls": tls},
        "web": {"Transport": "websocket", "Path": PATH},
    }  # fmt: skip
    made = []
    for name, layers in LAYERS.items():
        made.append({"Name": name, "Address": f"unix:{folder}/local" if name == "local" else "127.0.0.1:0"})
        for layer in layers:
            made[-1].update(parts[layer])
    return made


def client_context(version):
    made = ssl.create_default_context(cafile=CERTIFICATES / "ca.pem")
    made.minimum_version = made.maximum_version = version
    return made


CONTEXTS = [client_context(version) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]


class Refused(Exception):
    """The daemon has said that this client may not come in, or broken off while it did."""


class Proxy:
    """The header of version 2 in front of a client's bytes."""

    is_in = True

    def __init__(self, draw):
        source = socket.inet_aton(f"{CLIENTS}.{draw.randint(0, 255)}.{draw.randint(1, 254)}")
        ends = source + socket.inet_aton("127.0.0.1") + struct.pack(">HH", draw.randint(1024, 65535), 7777)
        # Some say more than addresses: an extension that means nothing.
        if draw.random() < 0.5:
            ends += struct.pack(">BH", 4, 5) + bytes(5)
        self.header = b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x21, 0x11, len(ends)) + ends

    def begin(self):
        return self.header

    def seal(self, data):
        return data

    def open(self, data):
        return data, b""

    def fault(self, is_drained):
        return None


class Tls:
    def __init__(self, draw):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = draw.choice(CONTEXTS).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.is_in = self.is_over = False

    def begin(self):
        return self.shake()

    def shake(self):
        try:
            self.session.do_handshake()
            self.is_in = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise Refused(str(error))
        return self.outgoing.read()

    def seal(self, data):
        self.session.write(data)
        return self.outgoing.read()

    def open(self, data):
        self.incoming.write(data)
        answer = b"" if self.is_in else self.shake()
        plain = []
        while self.is_in and not self.is_over:
            try:
                piece = self.session.read(1 << 16)
                self.is_over = not piece
                plain.append(piece)
            except ssl.SSLZeroReturnError:
                self.is_over = True
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                raise Violation(f"a session of TLS broke: {error}")
        return b"".join(plain), answer + self.outgoing.read()

    def fault(self, is_drained):
        return None if self.is_over else "the end of the stream came without TLS's farewell"


class Web:
    """Messages go out in frames of any size, whatever stands in them; each that comes in has to be whole."""

    def __init__(self, draw):
        self.draw = draw
        self.is_in, self.code = False, None
        self.inbound = bytearray()
        self.key = base64.b64encode(draw.randbytes(16))

    def begin(self):
        host = b"Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        return b"GET %b HTTP/1.1\r\n%bSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % (PATH.encode(), host, self.key)

    def frame(self, opcode, data, is_last=True):
        mask = self.draw.randbytes(4)
        length = bytes([128 | len(data)]) if len(data) < 126 else struct.pack(">BH", 254, len(data)) if len(data) < 1 << 16 else struct.pack(">BQ", 255, len(data))
        stretched = int.from_bytes((mask * (len(data) // 4 + 1))[: len(data)], "little")
        masked = (int.from_bytes(data, "little") ^ stretched).to_bytes(len(data), "little")
        return bytes([opcode | (128 if is_last else 0)]) + length + mask + masked

    def seal(self, data):
        """One message; now and then in two fragments with a ping between."""
        data = bytes(data)
        if self.draw.random() < 0.8:
            return self.frame(2, data)
        middle = self.draw.randint(0, len(data))
        return self.frame(2, data[:middle], False) + self.frame(9, b"soak") + self.frame(0, data[middle:])

    def open(self, data):
        self.inbound += data
        if not self.is_in and not self.accepted():
            return b"", b""
        plain, answer = [], b""
        while (found := self.next()) is not None:
            opcode, payload = found
            if self.code is not None:
                raise Violation("a frame of a WebSocket behind the last")
            if opcode == 2:
                plain.append(payload)
            elif opcode == 8:
                self.code = int.from_bytes(payload[:2], "big")
            elif opcode == 9:
                answer += self.frame(10, payload)
            elif (opcode, payload) != (10, b"soak"):
                raise Violation(f"a frame of a WebSocket that nobody expects: opcode {opcode}, {payload[:40]!r}")
        return b"".join(plain), answer

    def accepted(self):
        head, end, rest = bytes(self.inbound).partition(b"\r\n\r\n")
        if not end:
            return False
        accept = base64.b64encode(hashlib.sha1(self.key + MAGIC).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or b"Sec-WebSocket-Accept: " + accept not in head.split(b"\r\n"):
            raise Violation(f"a WebSocket was not let in: {head[:200]!r}")
        self.inbound = bytearray(rest)
        self.is_in = True
        return True

    def next(self):
        if len(self.inbound) < 2:
            return None
        first, length = self.inbound[0], self.inbound[1]
        if first & 0x70 or not first & 0x80 or length & 0x80:
            raise Violation(f"a frame of a WebSocket that begins with {bytes(self.inbound[:2]).hex()}")
        size = {126: 2, 127: 8}.get(length, 0)
        if len(self.inbound) < 2 + size:
            return None
        if size:
            length = int.from_bytes(self.inbound[2 : 2 + size], "big")
        if len(self.inbound) < 2 + size + length:
            return None
        payload = bytes(self.inbound[2 + size : 2 + size + length])
        del self.inbound[: 2 + size + length]
        return first & 15, payload

    def fault(self, is_drained):
        if self.inbound:
            return f"the stream ends inside a frame of a WebSocket, after {len(self.inbound)} bytes of it"
        # Who has half-closed before is told that all is well.
        return None if self.code in ({1001} if is_drained else {1000, 1001}) else f"a WebSocket ended with {self.code}"


KINDS = {"proxy": Proxy, "tls": Tls, "web": Web}


class Door:
    """The way in of one client. What it has to say at once, in answer, is in `output`."""

    def __init__(self, name, draw):
        self.name = name
        self.layers = [KINDS[layer](draw) for layer in LAYERS[name]]
        self.output = b""

    def begin(self):
        self.start(0)
        return self

    def start(self, number):
        if number < len(self.layers):
            self.say(number, self.layers[number].begin())
            if self.layers[number].is_in:
                self.start(number + 1)

    def say(self, number, data):
        """What a layer itself sends, sealed by those around it."""
        for layer in reversed(self.layers[:number]):
            data = layer.seal(data) if data else b""
        self.output += data

    def take_output(self):
        output, self.output = self.output, b""
        return output

    @property
    def is_in(self):
        return all(layer.is_in for layer in self.layers)

    def seal(self, data):
        for layer in reversed(self.layers):
            data = layer.seal(data)
        return data

    def open(self, data):
        """The bytes of messages in what came."""
        for number, layer in enumerate(self.layers):
            was_in = layer.is_in
            data, answer = layer.open(data)
            self.say(number, answer)
            if not layer.is_in:
                return b""
            if not was_in:
                self.start(number + 1)
        return data

    def fault(self, is_drained):
        """What was not in order about the end of the stream; None if nothing."""
        return next((fault for layer in self.layers if (fault := layer.fault(is_drained))), None)
