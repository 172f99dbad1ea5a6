// Declarations of what this project uses of Apple's UniformTypeIdentifiers, written for it, to check types where there is no
// Apple SDK. Nothing here does anything.
@_exported import Foundation

public struct UTType: Sendable {
    public static let png = UTType()
    public static let json = UTType()
}
