import ZinxControl

/// Another program takes the place of this one, on the thread of the client that asks for it.
extension Controller {
  func upgrade(_ upgrade: ControlRequest.Upgrade, _ id: JSON, _ peer: ControlPeer, _ write: (String) -> Bool) throws(ControlError)
  {
    // Whatever it is, it would be the daemon from then on.
    if upgrade.program != nil, peer.uid != 0 { throw ControlError(.notPermitted, "only root may name a program") }
    func say(_ line: String) { _ = write(ControlProtocol.answer(id, ["progress": .string(line)], more: true).description) }
    do throws(UpgradeRefused) {
      if upgrade.isTrial {
        let words = try upgrader.check(upgrade.program)
        _ = write(ControlProtocol.answer(id, ["words": .array(words.map { .string($0) })]).description)
      } else {
        tell("upgrade", peer)
        try upgrader.upgrade(upgrade.program, for: Upgrader.Asker(descriptor: peer.socket, id: id), say)
      }
    } catch { throw ControlError(.refused, "upgrade refused: " + error.lines.joined(separator: "\n")) }
  }
}
