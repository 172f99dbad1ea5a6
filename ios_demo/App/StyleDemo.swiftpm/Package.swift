// swift-tools-version: 5.9
// Opens in Xcode 16 and later, and in Swift Playgrounds 4.6 and later.
import AppleProductTypes
import PackageDescription

let package = Package(
    name: "StyleDemo",
    platforms: [.iOS("17.0")],
    products: [
        .iOSApplication(
            name: "StyleDemo",
            targets: ["StyleDemo"],
            bundleIdentifier: "org.example.styledemo",
            displayVersion: "1.0",
            bundleVersion: "1",
            appIcon: .placeholder(icon: .palette),
            accentColor: .presetColor(.indigo),
            supportedDeviceFamilies: [.pad, .phone],
            supportedInterfaceOrientations: [
                .portrait,
                .landscapeRight(.when(deviceFamilies: [.pad])),
                .landscapeLeft(.when(deviceFamilies: [.pad])),
                .portraitUpsideDown(.when(deviceFamilies: [.pad])),
            ],
            capabilities: [
                .camera(purposeString: "The camera's frames are painted in the style that you choose. They stay on this device."),
                .photoLibraryAdd(purposeString: "The picture that you save is added to your photo library."),
            ],
            appCategory: .photography
        )
    ],
    dependencies: [.package(path: "StyleKit")],
    targets: [
        .executableTarget(
            name: "StyleDemo",
            dependencies: [.product(name: "StyleKit", package: "StyleKit")],
            path: "Sources",
            resources: [.copy("Bundles"), .copy("PrivacyInfo.xcprivacy")]
        )
    ]
)
