import Glibc
import Testing

@testable import ZinxConfig

/// As in proc(5), with the names of a service: a folder and a file that are mounted, and the file systems around them.
private let mountinfo = """
  22 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda rw
  31 22 254:0 /etc/zinx /etc/zinx ro,relatime master:1 - ext4 /dev/vda rw
  32 22 254:0 /home/op/a\\040b\\134c.json /conf/zinx.json rw - ext4 /dev/vda rw
  33 22 254:0 /home/op/zinx.json//deleted /gone/zinx.json rw - ext4 /dev/vda rw
  34 22 254:0
  """

private func place(_ path: String, mount id: Int, root: String? = nil, in folder: String? = nil, mode: mode_t = 0o644)
  -> FilePlace
{
  var mount = FilePlace.Mount(id: id, in: mountinfo)
  if let root { mount?.root = root }
  return FilePlace(path: path, mount: mount, workingDirectory: folder, mode: mode)
}

@Suite("The place of a file")
struct FilePlaceTests {
  @Test("has the mount that the kernel numbers, with its names as they are")
  func mounts() {
    #expect(FilePlace.Mount(id: 31, in: mountinfo) == FilePlace.Mount(id: 31, root: "/etc/zinx", point: "/etc/zinx"))
    #expect(FilePlace.Mount(id: 32, in: mountinfo)?.root == #"/home/op/a b\c.json"#)
    #expect(FilePlace.Mount(id: 3, in: mountinfo) == nil)
    #expect(FilePlace.Mount(id: 34, in: mountinfo) == nil)
  }

  @Test("is the operator's while nothing says otherwise, also when a link leads elsewhere by now")
  func unchanged() {
    let start = place("/etc/zinx/zinx.json", mount: 31)
    #expect(start.displacement(since: start) == nil)
    #expect(start.displacement(since: nil) == nil)
    #expect(place("/etc/zinx/v2/zinx.json", mount: 31).displacement(since: start) == nil)
    #expect(place("/zinx.json", mount: 22).displacement(since: start) == nil)
    #expect(place("/x", mount: 31, in: "/srv").displacement(since: place("/x", mount: 31, in: "/srv")) == nil)
  }

  @Test("is not the operator's when the mounted folder has another name, or none any more")
  func folderMoved() throws {
    let start = place("/etc/zinx/zinx.json", mount: 31)
    for root in ["/etc/zinx.old", "/etc/zinx//deleted"] {
      let text = try #require(place("/etc/zinx/zinx.json", mount: 31, root: root).displacement(since: start))
      #expect(text.hasPrefix("the directory /etc/zinx is a mount of its own, and what was mounted has been moved or replaced"))
    }
  }

  @Test("is not the operator's when another file took the name of the one that is mounted, which the start warns of")
  func fileReplaced() {
    let gone = place("/gone/zinx.json", mount: 33)
    #expect(gone.displacement(since: gone)?.hasPrefix("the file is a mount of its own") == true)
    #expect(place("/conf/zinx.json", mount: 32).startWarnings(for: "zinx.json").count == 1)
    #expect(place("/etc/zinx/zinx.json", mount: 31).startWarnings(for: "zinx.json").isEmpty)
  }

  @Test("is not the operator's when the working directory of a relative path was moved")
  func folderOfProcess() {
    let start = place("/srv/game/zinx.json", mount: 22, in: "/srv/game")
    let now = place("/srv/game.old/zinx.json", mount: 22, in: "/srv/game.old")
    #expect(now.displacement(since: start)?.hasPrefix("the working directory, /srv/game at the start, was moved") == true)
  }

  @Test("tells --check what a service could not do with it")
  func check() {
    let path = "/etc/zinx/zinx.json"
    #expect(place(path, mount: 31).checkWarnings(for: path, isRoot: true).isEmpty)
    let closed = place(path, mount: 31, mode: 0o600)
    #expect(closed.checkWarnings(for: path, isRoot: false).isEmpty)
    #expect(closed.checkWarnings(for: path, isRoot: true).first?.contains("its mode is 0600") == true)
    #expect(
      place("/srv/z.json", mount: 22).checkWarnings(for: path, isRoot: false).first?.contains("leads to /srv/z.json") == true)
    #expect(place("/srv/z.json", mount: 22).checkWarnings(for: "z.json", isRoot: false).isEmpty)
  }

  @Test("of a real file is found", .enabled(if: access("/proc/self/mountinfo", R_OK) == 0))
  func real() throws {
    let content = try ConfigurationFile.readContent("/proc/self/status")
    #expect(content.place?.mount?.point == "/proc")
    #expect(content.place?.workingDirectory == nil)
  }
}
