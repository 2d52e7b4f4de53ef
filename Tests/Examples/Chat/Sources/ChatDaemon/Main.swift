import ZinxDaemon
import ZinxPlugins

@main
struct Main {
  static func main() async {
    await Daemon.main(plugins: bundledPlugins + [Chat.self], name: "chat-daemon", version: "1.0.0")
  }
}
