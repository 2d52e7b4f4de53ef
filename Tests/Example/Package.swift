// swift-tools-version: 6.2
import PackageDescription

let zinx = Target.Dependency.product(name: "Zinx", package: "zinxd")
let byteBuffer = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

let package = Package(
  name: "score-daemon",
  products: [.executable(name: "score-daemon", targets: ["ScoreDaemon"])],
  dependencies: [
    // Outside this repository: its URL and a version.
    .package(name: "zinxd", path: "../.."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .executableTarget(
      name: "ScoreDaemon",
      dependencies: [
        zinx, byteBuffer,
        .product(name: "ZinxDaemon", package: "zinxd"),
        .product(name: "ZinxPlugins", package: "zinxd"),
      ]),
    .testTarget(
      name: "ScoreDaemonTests",
      dependencies: ["ScoreDaemon", zinx, byteBuffer, .product(name: "ZinxClient", package: "zinxd")]),
    .executableTarget(
      name: "EmbeddedServer",
      dependencies: [
        zinx, byteBuffer,
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
  ]
)
