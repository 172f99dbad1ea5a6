// Declarations of what this project uses of Apple's PhotosUI, written for it, to check types where there is no Apple SDK.
// Nothing here does anything.
@_exported import Photos
import SwiftUI

public struct PHPickerFilter: Sendable {
    public static let images = PHPickerFilter()
}

public struct PhotosPickerItem: Equatable, Hashable, Sendable {
    public func loadTransferable<T>(type: T.Type) async throws -> T? { nil }
}

public struct PhotosPicker: Drawn {
    public init(_ title: String, selection: Binding<PhotosPickerItem?>, matching filter: PHPickerFilter? = nil) {}
}
