// swift-tools-version: 5.9
import PackageDescription

// Warnings about data races are shown as Swift 6 has them; the language is still that of Swift 5, so that any app can
// take the package in.
let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

let package = Package(
    name: "StyleKit",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "StyleKit", targets: ["StyleKit"])],
    targets: [
        .target(name: "StyleKit", swiftSettings: strict),
        // PNG files, and an engine that runs Core ML files through `export-pipeline predict`. For the tests alone.
        .target(name: "TestSupport", dependencies: ["StyleKit"], path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "StyleKitTests", dependencies: ["StyleKit", "TestSupport"], swiftSettings: strict),
    ]
)
