"""The ways into a daemon as a client goes them: TLS with a certificate and without, WebSockets, the header of a proxy, a UNIX socket, frames
that a description cuts out. No I/O: what is to be sent goes in, the bytes of the wire come out. Written a second time, as frames.py is.
"""

import base64
import hashlib
import pathlib
import socket
import ssl
import struct

from frames import BROADCAST, FOREIGN, OWN, SPOKEN
from tally import Violation

CERTIFICATES = pathlib.Path(__file__).resolve().parent.parent / "Certificates"
PATH = "/soak"
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Where the proxy says that clients are; Deny has none of it.
CLIENTS = "127.9"

# Name of the listener -> what stands around the messages, from the wire inwards.
LAYERS = {
    "plain": [], "local": [], "abstract": [], "proxied": ["proxy"], "proxied-line": ["proxy-line"], "secure": ["tls"], "known": ["tls-known"],
    "proxied-secure": ["proxy", "tls"], "web": ["web"], "secure-web": ["tls", "web"], "foreign": ["foreign"],
}  # fmt: skip
# Not on TCP.
LOCAL = {"local", "abstract"}
# The header of each DataPack, described as if it were somebody else's. Handlers see frames as a whole, and what they send is sent as it is.
DESCRIBED = {
    "ltv-le": {"LengthOffset": 0, "LengthSize": 4, "Order": "le", "LengthAdjustment": 4, "IdOffset": 4, "IdSize": 4},
    "tlv-be": {"LengthOffset": 4, "LengthSize": 4, "Order": "be", "IdOffset": 0, "IdSize": 4},
    "tlv-le": {"LengthOffset": 4, "LengthSize": 4, "Order": "le", "IdOffset": 0, "IdSize": 4},
}


def listeners(folder, pack):
    """The listeners of a daemon, one for each way. The plain one is the first."""
    tls = {"CertFile": str(CERTIFICATES / "server.pem"), "PrivateKeyFile": str(CERTIFICATES / "server.key")}
    known = {"ClientCAFile": str(CERTIFICATES / "ca.pem"), "ClientAuth": "require", "CrlFile": str(CERTIFICATES / "crl.pem")}
    proxy = {"ProxyProtocol": "require", "TrustedProxies": ["127.0.0.0/8"]}
    parts = {
        "proxy": proxy, "proxy-line": proxy, "tls": {"Tls": tls}, "tls-known": {"Tls": {**tls, **known}},
        "web": {"Transport": "websocket", "Path": PATH},
        # Of the others some would answer with what is no frame.
        "foreign": {"DataPack": DESCRIBED[pack], "Plugins": ["echo"]},
    }  # fmt: skip
    addresses = {"local": f"unix:{folder}/local", "abstract": f"unix:@{pathlib.Path(folder).name}"}
    made = []
    for name, layers in LAYERS.items():
        made.append({"Name": name, "Address": addresses.get(name, "127.0.0.1:0")})
        for layer in layers:
            made[-1].update(parts[layer])
    return made


def client_contexts(name=None):
    """One for each version, with this certificate."""
    made = []
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        made.append(ssl.create_default_context(cafile=CERTIFICATES / "ca.pem"))
        made[-1].minimum_version = made[-1].maximum_version = version
        if name:
            made[-1].load_cert_chain(CERTIFICATES / f"{name}.pem", CERTIFICATES / f"{name}.key")
    return made


class Refused(Exception):
    """The daemon has said that this client may not come in, or broken off while it did."""


class Proxy:
    """The header of version 2 in front of a client's bytes."""

    is_in = True

    def __init__(self, draw, pack):
        source = f"{CLIENTS}.{draw.randint(0, 255)}.{draw.randint(1, 254)}", draw.randint(1024, 65535)
        self.header = self.head(draw, source, ("127.0.0.1", 7777))

    def head(self, draw, source, target):
        ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0]) + struct.pack(">HH", source[1], target[1])
        # Some say more than addresses: an extension that means nothing.
        if draw.random() < 0.5:
            ends += struct.pack(">BH", 4, 5) + bytes(5)
        return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x21, 0x11, len(ends)) + ends

    def begin(self):
        return self.header

    def seal(self, data):
        return data

    def open(self, data):
        return data, b""

    def fault(self, is_drained):
        return None


class ProxyLine(Proxy):
    """That of version 1."""

    def head(self, draw, source, target):
        return f"PROXY TCP4 {source[0]} {target[0]} {source[1]} {target[1]}\r\n".encode()


class Foreign:
    """Frames that the daemon was told of by a description. What is said to everybody comes as it is, with no header, and gets one here."""

    is_in = True

    def __init__(self, draw, pack):
        self.pack, self.inbound = pack, bytearray()

    def begin(self):
        return b""

    def seal(self, data):
        return data

    def open(self, data):
        self.inbound += data
        frames = []
        while size := self.next():
            piece = bytes(self.inbound[:size])
            frames.append(self.pack.frame(BROADCAST, piece) if piece[:4] in (OWN, FOREIGN) else piece)
            del self.inbound[:size]
        return b"".join(frames), b""

    def next(self):
        """Bytes of the first one; 0 while it is not whole. No header of the clients' begins as a word does that is for all."""
        if len(self.inbound) < 8:
            return 0
        size = 8 + self.pack.length(self.inbound)
        if self.inbound[:4] in (OWN, FOREIGN):
            if len(self.inbound) < SPOKEN.size:
                return 0
            mark, _, more = SPOKEN.unpack_from(self.inbound)
            size = SPOKEN.size + (more if mark == FOREIGN else 0)
        return size if len(self.inbound) >= size else 0

    def fault(self, is_drained):
        return f"the stream ends inside a foreign frame, after {len(self.inbound)} bytes of it" if self.inbound else None


class Tls:
    contexts = client_contexts()

    def __init__(self, draw, pack):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = draw.choice(self.contexts).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
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


class KnownTls(Tls):
    """With a certificate of its own."""

    contexts = client_contexts("client")


class Web:
    """Messages go out in frames of any size, whatever stands in them; each that comes in has to be whole."""

    def __init__(self, draw, pack):
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


KINDS = {"proxy": Proxy, "proxy-line": ProxyLine, "tls": Tls, "tls-known": KnownTls, "web": Web, "foreign": Foreign}


class Door:
    """The way in of one client. What it has to say at once, in answer, is in `output`."""

    def __init__(self, name, draw, pack):
        self.name = name
        self.layers = [KINDS[layer](draw, pack) for layer in LAYERS[name]]
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
