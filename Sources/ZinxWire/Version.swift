/// The version of all of this package, as `--version` prints it.
public let zinxVersion = "0.9.0"
