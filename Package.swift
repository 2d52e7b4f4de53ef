// swift-tools-version: 6.2
import PackageDescription

var settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
// A warning of a newer compiler must not keep a user from building; it must keep us from landing.
if Context.environment["CI"] != nil { settings.append(.treatAllWarnings(as: .error)) }

// Not where handlers are called: there it is said of each function whether it hops, since a hop of a task with a preferred executor takes
// a lock.
let nonsending = settings + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]

let byteBuffer = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let protobuf = Target.Dependency.product(
  name: "SwiftProtobuf", package: "swift-protobuf", condition: .when(traits: ["Protobuf"]))
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
  name: "zinxd",
  products: [
    .library(name: "Zinx", targets: ["Zinx"]),
    .library(name: "ZinxPlugins", targets: ["ZinxPlugins"]),
    .library(name: "ZinxWire", targets: ["ZinxWire"]),
    .library(name: "ZinxTLS", targets: ["ZinxTLS"]),
    .library(name: "ZinxJSON", targets: ["ZinxJSON"]),
    .library(name: "ZinxProtobuf", targets: ["ZinxProtobuf"]),
    .library(name: "ZinxMetrics", targets: ["ZinxMetrics"]),
    .library(name: "ZinxNats", targets: ["ZinxNats"]),
    .library(name: "ZinxClient", targets: ["ZinxClient"]),
    .library(name: "ZinxDaemon", targets: ["ZinxDaemon"]),
    .library(name: "ZinxTesting", targets: ["ZinxTesting"]),
    .executable(name: "zinxd", targets: ["zinxd"]),
    .executable(name: "zinxctl", targets: ["zinxctl"]),
    .executable(name: "zinx-client", targets: ["zinx-client"]),
    .executable(name: "zinx-bench", targets: ["zinx-bench"]),
  ],
  traits: [
    .trait(name: "Protobuf", description: "Messages of swift-protobuf as payloads, in the product ZinxProtobuf.")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    // Neither fetched nor built without the trait.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    .target(name: "CLinux"),
    .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CNats", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
    .target(name: "ZinxIO", dependencies: ["CLinux", deque], swiftSettings: nonsending),
    .target(name: "ZinxWire", dependencies: [byteBuffer], swiftSettings: nonsending),
    // Without sockets: servers and clients have their own.
    .target(name: "ZinxTLS", dependencies: ["COpenSSL"], swiftSettings: nonsending),
    // By itself: who has no JSON links no Foundation.
    .target(name: "ZinxJSON", dependencies: ["ZinxWire", byteBuffer], swiftSettings: nonsending),
    // Empty without the trait; its tests are those of Tests/Examples/World, which has it.
    .target(name: "ZinxProtobuf", dependencies: ["ZinxWire", byteBuffer, protobuf], swiftSettings: nonsending),
    .target(
      name: "Zinx", dependencies: ["ZinxIO", "ZinxTLS", "ZinxWire", "CLinux", byteBuffer, deque, logging, lifecycle],
      swiftSettings: settings),
    // By itself: the daemon shows its metrics without it.
    .target(name: "ZinxMetrics", dependencies: ["Zinx", coreMetrics], swiftSettings: nonsending),
    // By itself: who has no NATS links no libnats.
    .target(
      name: "ZinxNats", dependencies: ["CNats", "Zinx", "ZinxIO", "ZinxWire", byteBuffer, deque, logging],
      swiftSettings: nonsending),
    // For the tests of others: nobody else links it.
    .target(name: "ZinxTesting", dependencies: ["Zinx", "ZinxIO", "ZinxWire", "CLinux", byteBuffer], swiftSettings: settings),
    .target(name: "ZinxConfig", dependencies: ["Zinx", "ZinxTLS", logging], swiftSettings: nonsending),
    .target(name: "ZinxPlugins", dependencies: ["Zinx", byteBuffer, logging], swiftSettings: settings),
    // The lines of the control socket, for both ends: it knows neither server nor daemon.
    .target(name: "ZinxControl", dependencies: [], swiftSettings: nonsending),
    .target(name: "Systemd", dependencies: ["CSystemd", logging], swiftSettings: nonsending),
    // What a daemon does before its first line of Swift: nobody else links it.
    .target(name: "CDaemon"),
    .target(
      name: "ZinxDaemon",
      dependencies: [
        "Zinx", "ZinxConfig", "ZinxControl", "ZinxIO", "ZinxTLS", "ZinxWire", "Systemd", "CDaemon", "CLinux", logging, lifecycle,
        arguments, byteBuffer,
        // Metrics over HTTP, on a thread of its own.
        nioPosix, nioHTTP,
      ],
      swiftSettings: nonsending),
    .target(
      name: "ZinxClient", dependencies: ["ZinxIO", "ZinxTLS", "ZinxWire", "CLinux", byteBuffer], swiftSettings: nonsending),
    .executableTarget(name: "zinxd", dependencies: ["ZinxDaemon", "ZinxNats", "ZinxPlugins"], swiftSettings: nonsending),
    .executableTarget(
      name: "zinxctl", dependencies: ["ZinxControl", "ZinxIO", "ZinxWire", arguments], swiftSettings: nonsending),
    .executableTarget(
      name: "zinx-client", dependencies: ["ZinxClient", "ZinxIO", "ZinxTLS", "ZinxWire", byteBuffer, arguments],
      swiftSettings: nonsending),
    .executableTarget(
      name: "zinx-bench", dependencies: ["ZinxClient", "ZinxIO", "ZinxWire", "CLinux", byteBuffer, arguments, histogram],
      swiftSettings: nonsending),
    // Not a test but measured: handlers in all their forms, for make bench and make guards.
    .executableTarget(
      name: "handler-forms", dependencies: ["ZinxDaemon", "Zinx", "ZinxWire", byteBuffer], path: "Tests/HandlerForms",
      swiftSettings: settings),
    // Users and groups of a plugin on more than one node, for make nats and make nodes.
    .executableTarget(
      name: "nodes-daemon", dependencies: ["ZinxDaemon", "ZinxNats", "ZinxPlugins", "Zinx", "ZinxWire", byteBuffer],
      path: "Tests/NodesDaemon",
      swiftSettings: settings),
    .target(
      name: "ZinxTestKit", dependencies: ["ZinxIO", "ZinxWire", "CLinux", byteBuffer], path: "Tests/ZinxTestKit",
      swiftSettings: nonsending),
    .testTarget(name: "ZinxTLSTests", dependencies: ["ZinxTLS", "ZinxTestKit"], swiftSettings: nonsending),
    .testTarget(name: "ZinxIOTests", dependencies: ["ZinxIO", "CLinux", "ZinxTestKit"], swiftSettings: nonsending),
    .testTarget(
      name: "ZinxWireTests", dependencies: ["ZinxWire", "ZinxTestKit", byteBuffer],
      resources: [.copy("golden-frames.txt"), .copy("golden-frames-of-others.txt")],
      swiftSettings: nonsending),
    .testTarget(
      name: "ZinxTests", dependencies: ["Zinx", "ZinxPlugins", "ZinxIO", "ZinxWire", "ZinxTestKit", "CLinux", byteBuffer],
      swiftSettings: settings),
    .testTarget(
      name: "ZinxNatsTests",
      dependencies: [
        "ZinxNats", "CNats", "Zinx", "ZinxIO", "ZinxTestKit", "ZinxTesting", "ZinxTLS", "ZinxWire", byteBuffer, logging,
      ],
      swiftSettings: nonsending),
    .testTarget(name: "ZinxMetricsTests", dependencies: ["ZinxMetrics", "Zinx", metricsTestKit], swiftSettings: settings),
    .testTarget(
      name: "ZinxTestingTests", dependencies: ["ZinxTesting", "Zinx", "ZinxPlugins", "ZinxTLS", "ZinxWire", byteBuffer, logging],
      swiftSettings: settings),
    .testTarget(
      name: "ZinxConfigTests", dependencies: ["ZinxConfig", "Zinx", "ZinxTLS", "ZinxWire", "ZinxTestKit", logging],
      swiftSettings: nonsending
    ),
    .testTarget(
      name: "ZinxControlTests", dependencies: ["ZinxControl", "zinxctl", "ZinxTestKit", arguments], swiftSettings: nonsending),
    .testTarget(name: "SystemdTests", dependencies: ["Systemd", "ZinxTestKit", logging], swiftSettings: nonsending),
    .testTarget(
      name: "ZinxClientTests",
      dependencies: ["ZinxClient", "zinx-client", "Zinx", "ZinxTestKit", "ZinxIO", "ZinxTLS", "ZinxWire", byteBuffer, arguments],
      swiftSettings: nonsending),
    .testTarget(
      name: "ZinxBenchTests",
      dependencies: [
        "zinx-bench", "Zinx", "ZinxClient", "ZinxIO", "ZinxTLS", "ZinxWire", "ZinxTestKit", byteBuffer, arguments, histogram,
      ],
      swiftSettings: nonsending),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "Zinx", "ZinxClient", "ZinxJSON", "ZinxPlugins", "ZinxIO", "ZinxTLS", "ZinxWire", "ZinxTestKit", "CLinux", byteBuffer,
        logging,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "DaemonTests",
      dependencies: [
        "ZinxDaemon", "ZinxControl", "zinxd", "zinxctl", "Zinx", "ZinxConfig", "ZinxIO", "ZinxNats", "ZinxPlugins", "ZinxTLS",
        "ZinxWire",
        "Systemd", "ZinxTestKit",
        "CLinux",
        "zinx-client", "zinx-bench", byteBuffer, logging, arguments,
      ],
      swiftSettings: nonsending),
  ]
)
