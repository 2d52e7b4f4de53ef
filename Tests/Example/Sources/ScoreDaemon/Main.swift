import ZinxDaemon
import ZinxPlugins

@main
struct Main {
  static func main() async {
    await Daemon.main(plugins: bundledPlugins + [Score.self], name: "score-daemon", version: "1.0.0")
  }
}
