// Declarations of what this project uses of Apple's CoreMedia, written for it, to check types where there is no Apple SDK.
// Nothing here does anything.
@_exported import CoreVideo

public final class CMSampleBuffer {}

public func CMSampleBufferGetImageBuffer(_ sbuf: CMSampleBuffer) -> CVImageBuffer? { nil }
