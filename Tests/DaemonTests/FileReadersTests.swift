import Glibc
import Testing
import ZinxTestKit

@testable import ZinxDaemon

@Suite("Who may read a file")
struct FileReadersTests {
  private func text(_ path: String, group: Bool, owner: String = "root", isDirectory: Bool = false) -> String {
    FileReaders(path: path, isDirectory: isDirectory, owner: owner, group: "ssl-cert", isGroupIn: group).text
  }

  @Test func `is told by the names of its owner and its group`() {
    let advice = ": see that the service is one of them (User=, SupplementaryGroups=, LoadCredential=)"
    #expect(text("/a.key", group: false) == "nobody but root may read /a.key" + advice)
    #expect(text("/a.key", group: false, owner: "zinx") == "nobody but root and zinx may read /a.key" + advice)
    #expect(text("/a.key", group: true) == "nobody but root and the group ssl-cert may read /a.key" + advice)
    #expect(text("/p", group: true, isDirectory: true) == "nobody but root and the group ssl-cert may enter /p" + advice)
  }

  @Test func `is found in its permissions and in those of the directories above`() throws {
    let folder = try TestFolder()
    try folder.write("a.key", "")
    let path = folder.path + "/a.key"
    chmod(folder.path, 0o755)
    chmod(path, 0o644)
    #expect(FileReaders(of: path) == nil)
    chmod(path, 0o640)
    #expect(FileReaders(of: path)?.path == path)
    #expect(FileReaders(of: path)?.isGroupIn == true)
    chmod(folder.path, 0o700)
    #expect(FileReaders(of: path)?.path == folder.path)
    #expect(FileReaders(of: path)?.isDirectory == true)
    #expect(FileReaders(of: folder.path + "/nothing/b.key")?.isDirectory == true)
    chmod(folder.path, 0o755)
    #expect(FileReaders(of: folder.path + "/nothing/b.key") == nil)
  }
}
