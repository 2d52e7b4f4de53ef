import Zinx
import ZinxPlugins
import Glibc
var c = ServerConfiguration(); c.host = "127.0.0.1"; c.port = UInt16(CommandLine.arguments[1])!; c.workerPoolSize = Int(CommandLine.arguments[2])!; c.maxPacketSize = 1<<20
var s = PluginSettings(plugin: "echo", value: nil)
let e = Echo(settings: &s)
let server = try Server(c, plugins: [e], register: { $0.route(9) { r in try await r.connection.sendBuffMsg(r.id, r.data) } })
try await server.start()
print("listening", server.addresses)
while true { try await Task.sleep(for: .seconds(100)) }
