import ZinxDaemon

// The daemon that `make bench` and `make guards` measure: an echo in each of the forms in which handlers are written.
await Daemon.main(plugins: [Forms.self], name: "handler-forms")
