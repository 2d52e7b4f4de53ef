import ZinxDaemon

@main
struct Main {
  static func main() async {
    await Daemon.main(plugins: [SmallWorld.self], name: "world-daemon", version: "1.0.0")
  }
}
