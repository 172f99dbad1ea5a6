// Declarations of what this project uses of Apple's CoreImage, written for it, to check types where there is no Apple SDK.
// Nothing here does anything.
@_exported import CoreGraphics
import CoreVideo

public struct CIContextOption: Hashable, Sendable {
    public static let workingColorSpace = CIContextOption()
    public static let outputColorSpace = CIContextOption()
}

open class CIImage: NSObject {
    public convenience init(cvPixelBuffer pixelBuffer: CVPixelBuffer) { self.init() }
    open func transformed(by matrix: CGAffineTransform) -> CIImage { self }
    open func transformed(by matrix: CGAffineTransform, highQualityDownsample: Bool) -> CIImage { self }
}

open class CIContext: NSObject {
    public convenience init(options: [CIContextOption: Any]? = nil) { self.init() }
    open func render(_ image: CIImage, to buffer: CVPixelBuffer, bounds: CGRect, colorSpace: CGColorSpace?) {}
    open func createCGImage(_ image: CIImage, from fromRect: CGRect) -> CGImage? { nil }
}
