import ZinxDaemon
import ZinxPlugins

await Daemon.main(plugins: bundledPlugins)
