import Zinx

/// A key that other versions of Zinx read from the same file and that has no meaning here.
public struct ForeignKey: Sendable, Equatable {
  public let name: String
  /// What to use instead, or why nothing is needed, for an operator of zinxd.
  public let advice: String

  /// The advice for an operator of this daemon.
  func advice(for program: String) -> String { advice.replacing("zinxd", with: program) }

  /// The key of another version, in any case.
  public static func named(_ key: String) -> ForeignKey? { byFoldedName[asciiLowercased(key)] }

  /// All of them: the fields of the Go framework's configuration, of any version, that have no meaning here.
  public static let all: [ForeignKey] =
    keys("LogDir", "LogFile", advice: "the log goes to the journal: journalctl -u zinxd")
    + keys(
      "LogSaveDays", "LogFileSize", advice: "the journal keeps the log; see MaxRetentionSec and SystemMaxUse in journald.conf(5)")
    + keys("LogCons", advice: "outside systemd the log goes to standard error")
    + keys("LogIsolationLevel", "LogDebugClose", advice: "use LogLevel")
    + keys("HeartbeatMax", advice: "use Timeout of the plugin heartbeat")
    + keys(
      "KcpPort", "KcpACKNoDelay", "KcpStreamMode", "KcpNoDelay", "KcpInterval", "KcpResend", "KcpNc", "KcpSendWindow",
      "KcpRecvWindow", "KcpFecDataShards", "KcpFecParityShards", advice: "zinxd speaks TCP only, not KCP")
    + keys("IOReadBuffSize", advice: "read buffers are sized by the server; MaxPacketSize bounds a message")
    + keys("WorkerMode", advice: "the requests of a connection always run on one worker; see WorkerPoolSize")
    + keys("RouterSlicesMode", "RequestPoolMode", advice: "nothing is needed instead")
    + keys(
      "PrometheusMetricsEnable", "PrometheusServer", "PrometheusListen",
      advice: "the counters are in the status and the log: systemctl status zinxd")
    + keys("IPVersion", "TCPVersion", advice: "Host decides: 0.0.0.0 is every IPv4 address, :: every address of IPv6 and IPv4")
    + keys("TcpServer", advice: "it is an object of the Go code")
    + keys("Version", advice: "zinxd --version prints it")
    + keys("ConfFilePath", advice: "name the file with --config or ZINX_CONFIG_FILE_PATH")

  func warning(for program: String) -> String { "\(name) has no effect in \(program); \(advice(for: program))" }

  private static let byFoldedName = Dictionary(all.map { (asciiLowercased($0.name), $0) }) { first, _ in first }

  private static func keys(_ names: String..., advice: String) -> [ForeignKey] {
    names.map { ForeignKey(name: $0, advice: advice) }
  }
}
