import ZinxDaemon
import ZinxNats
import ZinxPlugins

await Daemon.main(plugins: bundledPlugins + [NatsGateway.self], nats: { NatsNode($0) })
