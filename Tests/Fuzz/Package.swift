// swift-tools-version: 6.2
import PackageDescription

// Built by `make fuzz`, whose flags count the coverage of the code under test too and open its internals; plain `swift build` cannot.
let package = Package(
  name: "zinx-fuzz",
  dependencies: [
    .package(name: "zinxd", path: "../..", traits: ["Protobuf"]),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "ClientText", "CRandom",
        .product(name: "Zinx", package: "zinxd"),
        .product(name: "ZinxClient", package: "zinxd"),
        .product(name: "ZinxDaemon", package: "zinxd"),
        .product(name: "ZinxJSON", package: "zinxd"),
        .product(name: "ZinxNats", package: "zinxd"),
        .product(name: "ZinxPlugins", package: "zinxd"),
        .product(name: "ZinxProtobuf", package: "zinxd"),
        .product(name: "ZinxTLS", package: "zinxd"),
        .product(name: "ZinxWire", package: "zinxd"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    // Links to files of zinx-client: an executable of another package cannot be imported.
    .target(name: "ClientText"),
    // OpenSSL itself is linked with ZinxTLS.
    .target(name: "CRandom"),
  ]
)
