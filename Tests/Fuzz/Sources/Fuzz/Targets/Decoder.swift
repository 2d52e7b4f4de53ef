import Glibc
import NIOCore
import ZinxWire

/// The frame decoder, as the server uses it (count, take all, walk) and as the client does (one by one): any cut of a stream decodes as
/// the whole does, to the same error, and the messages encode to the bytes they came from.
@Sendable func fuzzDecoder(_ input: Input) {
  var input = input
  let stream = Stream(&input)
  let decoder = FrameDecoder(stream.pack, maxPacketSize: stream.limit)
  checkWhole(stream, decoder)
  checkBatches(stream, decoder)
  checkOneByOne(stream, decoder)
}

private func checkWhole(_ stream: Stream, _ decoder: FrameDecoder) {
  let scan = decoder.scan(stream.bytes)
  require(scan.frames == stream.frames.count && scan.bytes == stream.end, "scan counts the whole frames")
  require(scan.error == stream.error, "scan finds the error")
  let left = stream.bytes.count - stream.end
  require(scan.nextFrame == 0 || scan.nextFrame > left, "the next frame is longer than what is there")
  require((scan.nextFrame > 0) == (stream.error == nil && left >= DataPack.headerLength), "nextFrame is told by a whole header")
  let half = stream.frames.count / 2
  let limited = decoder.scan(stream.bytes, limit: half)
  let end = half == 0 ? 0 : stream.frames[half - 1].data.upperBound
  require(limited.frames == half && limited.bytes == end, "scan obeys its limit")
}

/// Whole frames as they come, the rest kept: `Connection+Reading` and `Connection+Batch` of the server.
private func checkBatches(_ stream: Stream, _ decoder: FrameDecoder) {
  var inbox = ByteBuffer()
  var found = 0
  var error: WireError?
  for chunk in stream.chunks where error == nil {
    inbox.writeBytes(chunk)
    let scan = decoder.scan(inbox)
    guard let batch = inbox.readSlice(length: scan.bytes) else { return require(false, "a scan stays inside its bytes") }
    batch.withUnsafeReadableBytes { bytes in
      var offset = 0
      while let header = decoder.header(in: bytes, at: offset) {
        offset += DataPack.headerLength
        check(header.id, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(header.length)]), found, stream)
        offset += Int(header.length)
        found += 1
      }
      require(offset == bytes.count, "a batch is whole frames")
    }
    error = scan.error
  }
  require(found == stream.frames.count, "batches hold every frame, found \(found)")
  require(error == stream.error, "batches end with the error of the whole")
}

/// One message after the other: `Connection` of the client. Ends with encoding them again.
private func checkOneByOne(_ stream: Stream, _ decoder: FrameDecoder) {
  var inbound = ByteBuffer()
  var again = ByteBuffer()
  var found = 0
  var error: WireError?
  for chunk in stream.chunks where error == nil {
    inbound.writeBytes(chunk)
    do throws(WireError) {
      while let message = try decoder.next(&inbound) {
        message.data.withUnsafeReadableBytes { check(message.id, $0, found, stream) }
        stream.pack.encode(id: message.id, data: message.data, into: &again)
        found += 1
      }
    } catch let refusal {
      error = refusal
    }
  }
  require(found == stream.frames.count, "every message comes, found \(found)")
  require(error == stream.error, "the messages end with the error of the whole")
  let same = again.withUnsafeReadableBytes { isSame($0, UnsafeRawBufferPointer(rebasing: stream.bytes[..<stream.end])) }
  require(same, "messages encode to the bytes they came from")
}

private func check(_ id: UInt32, _ data: UnsafeRawBufferPointer, _ index: Int, _ stream: Stream) {
  guard index < stream.frames.count else { return require(false, "no frame that is not there") }
  let frame = stream.frames[index]
  let expected = UnsafeRawBufferPointer(rebasing: stream.bytes[frame.data])
  require(id == frame.id && isSame(data, expected), "frame \(index) is the whole's")
}

/// memcmp(3) and not `elementsEqual`, which in an instrumented build takes most of the time.
private func isSame(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
  guard one.count == other.count else { return false }
  guard let first = one.baseAddress, let second = other.baseAddress else { return one.isEmpty }
  return memcmp(first, second, one.count) == 0
}
