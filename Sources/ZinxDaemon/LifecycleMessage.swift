/// The `MESSAGE_ID` of each lifecycle event (`journalctl MESSAGE_ID=…`); `journalctl -x` shows the catalogue entry of the same id.
enum LifecycleMessage: String, CaseIterable {
  case started = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c01"
  case draining = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c02"
  case stopped = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c03"
  case reloaded = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c04"
  case reloadRefused = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c05"
  case drainCut = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c06"
  case connectionAdded = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c07"
  case connectionEnded = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c08"
  case connectionRefused = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c09"
  case handlerFailed = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c0a"
  case unknownMessage = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c0b"
  case acceptPaused = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c0c"
  case maxConnLowered = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c0d"
  case workerBlocked = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c0e"
  case loopLate = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c0f"
  case acceptRateReached = "5c1d9ac4b7c34ac7a3d4a3b35d4a9c20"
}
