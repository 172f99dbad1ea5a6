#if canImport(CoreImage) && canImport(CoreVideo)
import CoreImage
import CoreVideo
import Foundation

/// Brings camera frames to the model's size on the GPU: the centre, scaled, written straight into a pooled buffer.
/// Colours stay the numbers that they are: no colour management in between.
public final class FrameScaler: @unchecked Sendable {
    private let context = CIContext(options: [.workingColorSpace: NSNull(), .outputColorSpace: NSNull()])
    private let pool: PixelImagePool

    public init(size: PixelSize) throws { pool = try PixelImagePool(size: size) }

    /// The centre of a frame that is upright already. A frame of the model's size is handed on as it is.
    public func fitted(_ frame: PixelImage) throws -> PixelImage {
        guard frame.size != pool.size else { return frame }
        let box = Fitting.crop(frame.size, to: pool.size)
        let scale = Double(pool.size.width) / (box.right - box.left)
        // Core Image counts from the bottom; the box lies in the middle, so its lower edge is as far away as its upper.
        let moved = CIImage(cvPixelBuffer: frame.buffer)
            .transformed(by: CGAffineTransform(translationX: -box.left, y: -box.top))
            .transformed(by: CGAffineTransform(scaleX: scale, y: scale), highQualityDownsample: true)
        let result = try pool.image()
        let bounds = CGRect(x: 0, y: 0, width: pool.size.width, height: pool.size.height)
        context.render(moved, to: result.buffer, bounds: bounds, colorSpace: nil)
        return result
    }

    /// A frame for a view.
    public func image(of frame: PixelImage) -> CGImage? {
        let bounds = CGRect(x: 0, y: 0, width: frame.size.width, height: frame.size.height)
        return context.createCGImage(CIImage(cvPixelBuffer: frame.buffer), from: bounds)
    }
}
#endif
