// What a test of a plugin speaks of: the server's names, messages and payloads, and the buffer that these are made of. One import is enough.
// Of NIOCore no more: it has names of its own for what is ours, such as SocketAddress.
@_exported import struct NIOCore.ByteBuffer
@_exported import Zinx
@_exported import ZinxWire
