import CLinux
import Glibc
import ZinxIO

/// A program on disk that is to take the place of the one that runs.
struct Successor: Sendable, Equatable {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  /// - Parameter path: nil for the file that this program was started from, or what is there by now.
  ///
  /// Throws: ``UpgradeRefused`` when there is no such program, or it cannot be run.
  init(_ path: String?) throws(UpgradeRefused) {
    guard let path = path ?? Self.own else {
      throw UpgradeRefused("the file of this program is not known without /proc: name one with --program")
    }
    guard path.hasPrefix("/") else { throw UpgradeRefused("\(path) is no absolute path") }
    var status = stat()
    guard stat(path, &status) == 0 else { throw UpgradeRefused("\(path): \(SystemError("stat").reason)") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw UpgradeRefused("\(path) is no file") }
    guard access(path, X_OK) == 0 else { throw UpgradeRefused("\(path) cannot be executed: \(SystemError("access").reason)") }
    self.path = path
    (device, inode) = (status.st_dev, status.st_ino)
  }

  /// Whether it is the very file that runs.
  var isRunning: Bool {
    var status = stat()
    return stat("/proc/self/exe", &status) == 0 && status.st_dev == device && status.st_ino == inode
  }

  /// Whether the path still leads to it.
  var isThere: Bool { (try? Successor(path)) == self }

  var inodeText: String { "inode \(inode)" }

  /// The file that this program was started from. The kernel says when another has taken its place.
  private static var own: String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? -1
    }
    guard count > 0 else { return nil }
    let path = String(decoding: buffer[..<count], as: UTF8.self)
    let gone = " (deleted)"
    return path.hasSuffix(gone) ? String(path.dropLast(gone.count)) : path
  }
}

/// Why nothing comes of an upgrade, for the operator. The program that runs goes on.
struct UpgradeRefused: Error, Equatable {
  let lines: [String]

  init(_ lines: String...) { self.lines = lines }
  init(lines: [String]) { self.lines = lines }
}
