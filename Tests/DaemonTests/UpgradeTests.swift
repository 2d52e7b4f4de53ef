import CLinux
import Glibc
import Testing
import ZinxControl
import ZinxIO
import ZinxTestKit

extension Daemons {
  @Suite("An upgrade")
  struct UpgradeTests {
    /// A daemon that runs from a file of its own, which another can take the place of.
    private static func withProgram(
      _ settings: String = #""Plugins": {"echo": {}, "ping": {}}"#, environment: [String: String] = [:],
      _ body: (DaemonProcess, _ program: String, _ socket: String) async throws -> Void
    ) async throws {
      let folder = try TestFolder()
      let (program, socket) = ("\(folder.path)/zinxd", "\(folder.path)/control.sock")
      let files = [program, program + ".0", program + ".1", program + ".other", socket]
      defer { for file in files { unlink(file) } }
      for copy in [program + ".0", program + ".1"] { try copyProgram(to: copy) }
      replace(program)
      try folder.write("zinx.json", local(#""ControlSocket": "\#(socket)", \#(settings)"#))
      let daemon = try DaemonProcess([program, "--config", "zinx.json"], environment: environment, in: folder.path)
      do { try await body(daemon, program, socket) } catch {
        try await daemon.kill()
        throw error
      }
      daemon.signal(SIGTERM)
      #expect(try await daemon.exit().status == 0)
    }

    private static func copyProgram(to path: String) throws {
      let source = try Descriptor(open(DaemonProcess.path("zinxd"), O_RDONLY | O_CLOEXEC), from: "open")
      let target = try Descriptor(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o755), from: "open")
      while true {
        let count = sendfile(target.number, source.number, nil, 1 << 30)
        if count == 0 { return }
        if count < 0 { throw SystemError("sendfile") }
      }
    }

    /// Puts the other of two copies of the program in its place.
    private static func replace(_ program: String) {
      var (now, copy) = (stat(), stat())
      let isThere = stat(program, &now) == 0 && stat(program + ".0", &copy) == 0 && now.st_ino == copy.st_ino
      #expect(link(program + (isThere ? ".1" : ".0"), program + ".new") == 0)
      #expect(rename(program + ".new", program) == 0)
    }

    private static func write(_ text: String, to path: String) throws {
      let file = try Descriptor(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o755), from: "open")
      let bytes = Array(text.utf8)
      guard bytes.withUnsafeBytes({ Glibc.write(file.number, $0.baseAddress, $0.count) }) == bytes.count else {
        throw SystemError("write")
      }
    }

    private static func upgrade(_ socket: String, _ upgrade: ControlRequest.Upgrade = .init()) async throws -> JSON {
      try await onThread {
        let client = try ControlClient(socket)
        return try client.ask(.upgrade(upgrade))
      }
    }

    @Test("keeps process, connections and half a frame, and tells who has asked, ten times in a row")
    func keeps() async throws {
      try await Self.withProgram { daemon, program, socket in
        let port = try await daemon.port()
        var peers: [FakePeer] = []
        for _ in 0..<20 { peers.append(try await FakePeer.connect(to: port)) }
        for round in 1...10 {
          let request = FakePeer.frame(3, "round \(round)")
          for (index, peer) in peers.enumerated() { try await peer.write(Array(request[..<(index % request.count)])) }
          Self.replace(program)
          let result = try await Self.upgrade(socket)
          #expect(result["connections"] == 20)
          for (index, peer) in peers.enumerated() {
            try await peer.write(Array(request[(index % request.count)...]))
            #expect(try await peer.read(request.count) == request)
          }
          try await daemon.line(containing: "took over 20 connections", count: round)
        }
        for peer in peers { peer.close() }
      }
    }

    @Test(
      "to the program that runs is refused, and so is one that is none",
      arguments: ["same", "missing", "text", "crash", "hang", "no"])
    func refused(_ kind: String) async throws {
      try await Self.withProgram { daemon, program, socket in
        let port = try await daemon.port()
        let peer = try await FakePeer.connect(to: port)
        let other = program + ".other"
        var upgrade = ControlRequest.Upgrade(program: other)
        let script: String? =
          switch kind {
          case "text": "no program"
          case "crash": "#!/bin/sh\nkill -SEGV $$\n"
          case "no": "#!/bin/sh\necho it does not suit me; exit 78\n"
          case "hang": "#!/bin/sh\nexec sleep 60\n"
          default: nil
          }
        if let script {
          try Self.write(script, to: other)
        }
        if kind == "same" { upgrade.program = nil }
        let reason =
          switch kind {
          case "same": "is the program that runs"
          case "missing": "No such file or directory"
          case "text": "cannot be started: Exec format error"
          case "crash": "was ended by signal 11"
          case "no": "says no, with status 78"
          default: "has not said within"
          }
        await #expect {
          _ = try await Self.upgrade(socket, upgrade)
        } throws: { error in
          guard case .refused(let refusal) = error as? ControlClient.Failure else { return false }
          return refusal.message.contains(reason) && (kind != "no" || refusal.message.contains("it does not suit me"))
        }
        try await daemon.line(containing: reason)
        try await peer.send(3, "still here")
        #expect(try await peer.read(FakePeer.frame(3, "still here").count) == FakePeer.frame(3, "still here"))
        peer.close()
      }
    }

    @Test("that is only asked about changes nothing")
    func check() async throws {
      try await Self.withProgram { daemon, program, socket in
        _ = try await daemon.port()
        Self.replace(program)
        let result = try await Self.upgrade(socket, .init(isTrial: true))
        #expect(result["words"]?.array?.first?.string?.contains("takes over 0 connections") == true)
        #expect(!daemon.errorLines.contains { $0.contains("took over") })
      }
    }

    @Test("by SIGUSR2 is one too, and a new configuration is that of the file")
    func signal() async throws {
      try await Self.withProgram(environment: [:]) { daemon, program, _ in
        let port = try await daemon.port()
        let peer = try await FakePeer.connect(to: port)
        try await peer.send(3, "a")
        _ = try await peer.read(FakePeer.frame(3, "a").count)
        Self.replace(program)
        daemon.signal(SIGUSR2)
        try await daemon.line(containing: "took over 1 connections")
        try await peer.send(3, "b")
        #expect(try await peer.read(FakePeer.frame(3, "b").count) == FakePeer.frame(3, "b"))
        peer.close()
      }
    }

    @Test("tells systemd that it goes on, with the same process")
    func notifies() async throws {
      let notify = try NotifySocket()
      try await Self.withProgram(environment: ["NOTIFY_SOCKET": notify.address]) { daemon, program, socket in
        try await notify.upTo("READY=1")
        Self.replace(program)
        _ = try await Self.upgrade(socket)
        let messages = try await notify.upTo("READY=1")
        #expect(messages.contains { $0.contains("RELOADING=1") })
      }
    }

    @Test("with a SIGTERM in the middle of it is ended by a drain")
    func terminated() async throws {
      try await Self.withProgram { daemon, program, socket in
        let port = try await daemon.port()
        let peer = try await FakePeer.connect(to: port)
        try await peer.send(3, "a")
        _ = try await peer.read(FakePeer.frame(3, "a").count)
        Self.replace(program)
        async let result = Self.upgrade(socket)
        try await daemon.line(containing: "control: upgrade")
        daemon.signal(SIGTERM)
        _ = try? await result
        #expect(try await peer.readToEnd() == [])
        peer.close()
        try await daemon.line(containing: "stopped")
      }
    }
  }
}
