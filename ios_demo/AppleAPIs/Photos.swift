// Declarations of what this project uses of Apple's Photos, written for it, to check types where there is no Apple SDK.
// Nothing here does anything.
@_exported import Foundation

public enum PHAccessLevel: Int, Sendable { case addOnly = 1, readWrite }
public enum PHAuthorizationStatus: Int, Sendable { case notDetermined, restricted, denied, authorized, limited }
public enum PHAssetResourceType: Int, Sendable { case photo = 1 }

open class PHAssetResourceCreationOptions: NSObject {}

open class PHAssetCreationRequest: NSObject {
    open class func forAsset() -> PHAssetCreationRequest { PHAssetCreationRequest() }
    open func addResource(with type: PHAssetResourceType, data: Data, options: PHAssetResourceCreationOptions?) {}
}

open class PHPhotoLibrary: NSObject, @unchecked Sendable {
    open class func shared() -> PHPhotoLibrary { PHPhotoLibrary() }
    open class func requestAuthorization(for accessLevel: PHAccessLevel) async -> PHAuthorizationStatus { .denied }
    open func performChanges(_ changeBlock: @escaping @Sendable () -> Void) async throws {}
}
