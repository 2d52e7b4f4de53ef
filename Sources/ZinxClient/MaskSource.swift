import CLinux
import Glibc

/// Masks that nobody can foresee (RFC 6455, 10.3), a page of them for each call of the kernel.
struct MaskSource {
  private var masks: [UInt32] = []

  mutating func next() -> UInt32 {
    if masks.isEmpty { masks = randomBytes(256).withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) } }
    return masks.removeLast()
  }
}

/// So many bytes of the kernel's, at most 256. Where it has none, those of Swift's generator, which is as good.
func randomBytes(_ count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  if getrandom(&bytes, count, 0) == count { return bytes }
  return bytes.map { _ in UInt8.random(in: 0...255) }
}
