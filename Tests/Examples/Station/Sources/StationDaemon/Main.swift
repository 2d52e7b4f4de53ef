import ZinxDaemon

@main
struct Main {
  static func main() async {
    await Daemon.main(plugins: [Stations.self], name: "station-daemon", version: "1.0.0")
  }
}
