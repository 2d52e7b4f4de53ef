import ArgumentParser
import NIOCore
import ZinxClient
import ZinxWire

extension DataPack: ExpressibleByArgument {}
extension FirstMessage: ExpressibleByArgument {}

/// The options that every subcommand has.
struct ServerOptions: ParsableArguments {
  @Option(help: "Address or name of the server, which speaks plain TCP (default: 127.0.0.1).")
  var host: String?

  @Option(help: "TCP port of the server (default: 7777).")
  var port: UInt16?

  @Option(
    help: ArgumentHelp(
      "The server in one, and what it speaks: host:port, tls://host:port, ws://host:port/path, wss://…, unix:/path, unix:@name.",
      valueName: "address"), transform: ServerAddress.init)
  var address: ServerAddress?

  @Option(help: "File in PEM with the authorities of the server's certificate, in place of the system's.", completion: .file())
  var ca: String?

  @Option(help: "File in PEM with the certificate to show the server.", completion: .file())
  var cert: String?

  @Option(help: "File in PEM with the key of --cert; without it, --cert has both.", completion: .file())
  var key: String?

  @Option(help: "The name that the server's certificate has to have (default: that of --address).")
  var serverName: String?

  @Flag(help: "Take any server, whatever its certificate: anybody on the way can be it.")
  var insecure = false

  @Option(help: "The server's header: ltv-le (Zinx V0.5 to V1.0), tlv-be (V1.1 and later), tlv-le (early archives).")
  var pack = DataPack.ltvLittleEndian

  @Option(help: "Seconds to wait for the connection, and for each reply.")
  var timeout = 5.0

  @Option(help: "Seconds of silence after which to send a heartbeat, id 99999; 0 sends none, and only answers.")
  var heartbeat = 0.0

  @Option(
    help: "Seconds without anything from the server after which to give it up, 2 more than --heartbeat or longer; 0 means never.")
  var heartbeatTimeout = 0.0

  @Option(help: ArgumentHelp("Send this message before anything else, such as a login.", valueName: "id:text"))
  var first: FirstMessage?

  @Option(help: "Wait for a message of this id after --first.")
  var firstReply: UInt32?

  @Flag(help: "Print one JSON object a line.")
  var json = false

  func validate() throws {
    if let mistake = choice.mistake { throw ValidationError(mistake) }
    if firstReply != nil, first == nil { throw ValidationError("--first-reply goes with --first.") }
    guard (0.001...86_400).contains(timeout) else { throw ValidationError("--timeout \(timeout): 0.001 to 86400 seconds.") }
    guard (0...86_400).contains(heartbeat) else { throw ValidationError("--heartbeat \(heartbeat): 0 to 86400 seconds.") }
    guard (0...86_400).contains(heartbeatTimeout),
      ClientConfiguration.Heartbeat(interval: .seconds(heartbeat), timeout: .seconds(heartbeatTimeout)).isKeptByAnswers
    else {
      throw ValidationError(
        "--heartbeat-timeout \(heartbeatTimeout): 0, or at most 86400 seconds and at least 2 more than --heartbeat, "
          + "as servers answer once a second at most.")
    }
  }

  var choice: ServerChoice {
    var choice = ServerChoice()
    (choice.host, choice.port, choice.address) = (host, port, address)
    (choice.ca, choice.cert, choice.key) = (ca, cert, key)
    (choice.serverName, choice.isInsecure) = (serverName, insecure)
    return choice
  }

  var configuration: ClientConfiguration {
    var configuration = ClientConfiguration(pack: pack)
    configuration.tls = choice.tls
    configuration.connectTimeout = .seconds(timeout)
    configuration.closeTimeout = .seconds(timeout)
    var beats = ClientConfiguration.Heartbeat(interval: .seconds(heartbeat), timeout: .seconds(heartbeatTimeout))
    // Who uses the command wants to see what comes.
    beats.isDelivered = true
    configuration.heartbeat = beats
    return configuration
  }

  var endpoint: String { choice.server.description }

  /// Says to people what they have given up. To be called once, before anything is connected.
  func warn() { if insecure { Output.complain(ServerChoice.warning) } }

  /// Connects, or ends the process with a line that says what to do.
  func connect() async throws -> Client {
    warn()
    do { return try await open() } catch {
      Output.complain(complaint(about: error))
      throw error.status
    }
  }

  /// Connects, and sends what is to be sent first.
  ///
  /// - Parameter time: for the connection, and for the reply to the first message; nil: what the command line says.
  func open(within time: Duration? = nil) async throws(NoSession) -> Client {
    var configuration = configuration
    if let time {
      configuration.connectTimeout = time
      // Who says so for each step says so for the close.
      configuration.closeTimeout = .seconds(86_400)
    }
    let client: Client
    do throws(ClientError) { client = try await Client.connect(to: choice.server, configuration: configuration) } catch {
      throw .noConnection(error)
    }
    do throws(ClientError) { try await begin(on: client, within: time) } catch {
      client.abandon()
      throw .noBeginning(error)
    }
    return client
  }

  /// Sends what is to be sent first on a connection, and awaits the answer if that was asked for.
  func begin(on client: some Speaker, within time: Duration? = nil) async throws(ClientError) {
    guard let first else { return }
    let data = ByteBuffer(bytes: first.data)
    guard let firstReply else { return try await client.send(first.id, data) }
    _ = try await client.request(first.id, data, replyID: firstReply, timeout: time ?? .seconds(timeout))
  }

  /// Why there is no session, and what to do.
  func complaint(about error: NoSession) -> String {
    switch error {
    case .noConnection(let error): Failure.unreachable(endpoint, error, isAddress: address != nil)
    case .noBeginning(let error): Failure.unanswered(endpoint, error, first, reply: firstReply)
    }
  }
}

/// Why there is no session with a server.
enum NoSession: Error {
  case noConnection(ClientError)
  /// There was a connection, and what is said first on it (`--first`) came to nothing.
  case noBeginning(ClientError)

  /// What the command ends with.
  var status: ExitCode {
    switch self {
    case .noConnection(let error): Failure.status(of: error)
    case .noBeginning: Failure.incomplete
    }
  }
}

/// A client of either kind.
protocol Speaker {
  func send(_ id: UInt32, _ data: ByteBuffer) async throws(ClientError)
  func request(_ id: UInt32, _ data: ByteBuffer, replyID: UInt32?, timeout: Duration) async throws(ClientError) -> Message
}

extension Client: Speaker {}
extension ReconnectingClient: Speaker {}
