// Declarations of what the app's manifest uses of Apple's AppleProductTypes, written for this project, to check types
// where there is no Apple SDK. Nothing here does anything.
import PackageDescription

public enum AppIcon {
    public struct Placeholder { public static let palette = Placeholder() }
    case placeholder(icon: Placeholder)
}

public enum AccentColor {
    public struct Preset { public static let indigo = Preset() }
    case presetColor(Preset)
}

public enum DeviceFamily { case pad, phone }

public struct InterfaceOrientationCondition {
    public static func when(deviceFamilies: [DeviceFamily]) -> InterfaceOrientationCondition { .init() }
}

public struct InterfaceOrientation {
    public static let portrait = InterfaceOrientation()
    public static func landscapeRight(_ condition: InterfaceOrientationCondition) -> InterfaceOrientation { .init() }
    public static func landscapeLeft(_ condition: InterfaceOrientationCondition) -> InterfaceOrientation { .init() }
    public static func portraitUpsideDown(_ condition: InterfaceOrientationCondition) -> InterfaceOrientation { .init() }
}

public struct Capability {
    public static func camera(purposeString: String) -> Capability { .init() }
    public static func photoLibraryAdd(purposeString: String) -> Capability { .init() }
}

public struct AppCategory { public static let photography = AppCategory() }

extension Product {
    public static func iOSApplication(
        name: String, targets: [String], bundleIdentifier: String? = nil, teamIdentifier: String? = nil,
        displayVersion: String? = nil, bundleVersion: String? = nil, appIcon: AppIcon? = nil, accentColor: AccentColor? = nil,
        supportedDeviceFamilies: [DeviceFamily], supportedInterfaceOrientations: [InterfaceOrientation],
        capabilities: [Capability] = [], appCategory: AppCategory? = nil
    ) -> Product { .library(name: name, targets: targets) }
}
