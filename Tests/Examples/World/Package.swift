// swift-tools-version: 6.2
import PackageDescription

let byteBuffer = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

/// A product of zinxd.
func zinx(_ name: String) -> Target.Dependency { .product(name: name, package: "zinxd") }

let package = Package(
  name: "world-daemon",
  products: [.executable(name: "world-daemon", targets: ["WorldDaemon"])],
  dependencies: [
    // Outside this repository: its URL and a version.
    .package(name: "zinxd", path: "../../..", traits: ["Protobuf"]),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    .executableTarget(
      name: "WorldDaemon",
      dependencies: [
        zinx("Zinx"), zinx("ZinxWire"), zinx("ZinxProtobuf"), zinx("ZinxDaemon"), byteBuffer,
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["world.proto"]),
    .testTarget(
      name: "WorldDaemonTests",
      dependencies: [
        "WorldDaemon", zinx("Zinx"), zinx("ZinxClient"), zinx("ZinxProtobuf"), zinx("ZinxTesting"), zinx("ZinxWire"), byteBuffer,
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
  ]
)
