// swift-tools-version: 6.2
import PackageDescription

let byteBuffer = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

/// A product of zinxd.
func zinx(_ name: String) -> Target.Dependency { .product(name: name, package: "zinxd") }

let package = Package(
  name: "chat-daemon",
  products: [.executable(name: "chat-daemon", targets: ["ChatDaemon"])],
  dependencies: [
    // Outside this repository: its URL and a version.
    .package(name: "zinxd", path: "../../.."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .executableTarget(
      name: "ChatDaemon",
      dependencies: [zinx("Zinx"), zinx("ZinxWire"), zinx("ZinxJSON"), zinx("ZinxDaemon"), zinx("ZinxPlugins"), byteBuffer]),
    .testTarget(
      name: "ChatDaemonTests", dependencies: ["ChatDaemon", zinx("ZinxTesting")]),
  ]
)
