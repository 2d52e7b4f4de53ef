import ArgumentParser
import ZinxClient
import ZinxWire

extension DataPack: ExpressibleByArgument {}

/// Where the server is, and what it speaks.
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

  @Option(help: "Seconds to wait for connections, and for the last replies.")
  var timeout = 5.0

  var choice: ServerChoice {
    var choice = ServerChoice()
    (choice.host, choice.port, choice.address) = (host, port, address)
    (choice.ca, choice.cert, choice.key) = (ca, cert, key)
    (choice.serverName, choice.isInsecure) = (serverName, insecure)
    return choice
  }
}
