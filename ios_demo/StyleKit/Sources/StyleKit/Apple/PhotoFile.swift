#if canImport(ImageIO)
import CoreGraphics
import Foundation
import ImageIO

extension Picture {
    /// The longest side that a photograph is read at: 12 megapixels in memory are 36 MB, and results as much again.
    public static let longestSide = 4096

    /// Reads an image file, upright by its EXIF orientation, in sRGB; what is transparent lies on white.
    ///
    /// - Throws: `StyleError.pictureUnusable` where it is no image.
    public init(imageFile data: Data, longestSide: Int = Picture.longestSide) throws {
        let options: [CFString: Any] = [
            kCGImageSourceCreateThumbnailFromImageAlways: true,
            kCGImageSourceCreateThumbnailWithTransform: true,
            kCGImageSourceThumbnailMaxPixelSize: longestSide,
        ]
        guard let source = CGImageSourceCreateWithData(data as CFData, nil),
            let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
        else { throw StyleError.pictureUnusable(why: "it is no image") }
        try self.init(image)
    }

    /// The pixels of an image, in sRGB.
    public init(_ image: CGImage) throws {
        let (width, height) = (image.width, image.height)
        var pixels = [UInt8](repeating: 255, count: width * height * 4)
        let drawn = pixels.withUnsafeMutableBytes { bytes -> Picture? in
            guard let space = CGColorSpace(name: CGColorSpace.sRGB),
                let context = CGContext(
                    data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: width * 4,
                    space: space, bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else { return nil }
            context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
            return Picture(
                packed: UnsafeRawBufferPointer(bytes), order: .rgba, width: width, height: height, rowStride: width * 4)
        }
        guard let drawn else { throw StyleError.pictureUnusable(why: "there is no memory for its pixels") }
        self = drawn
    }

    /// The picture for a view.
    public func image() throws -> CGImage {
        guard let space = CGColorSpace(name: CGColorSpace.sRGB),
            let provider = CGDataProvider(data: Data(bytes) as CFData),
            let image = CGImage(
                width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 24, bytesPerRow: width * 3, space: space,
                bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.none.rawValue), provider: provider, decode: nil,
                shouldInterpolate: true, intent: .defaultIntent)
        else { throw StyleError.pictureUnusable(why: "there is no memory for its pixels") }
        return image
    }

    /// The picture as a file: `public.png`, or `public.jpeg` of high quality.
    public func file(type: String = "public.png") throws -> Data {
        let data = NSMutableData()
        guard let target = CGImageDestinationCreateWithData(data as CFMutableData, type as CFString, 1, nil) else {
            throw StyleError.notSaved(why: "the system writes no \(type)")
        }
        let options: [CFString: Any] = [kCGImageDestinationLossyCompressionQuality: 0.95]
        CGImageDestinationAddImage(target, try image(), options as CFDictionary)
        guard CGImageDestinationFinalize(target) else { throw StyleError.notSaved(why: "there is no room") }
        return Data(referencing: data)
    }
}
#endif
