#if canImport(CoreVideo)
import CoreVideo
import Foundation

/// A picture in a buffer that camera, Core ML and screen share: 32-bit BGRA. It is handed on, not copied.
public struct PixelImage: @unchecked Sendable {
    public let buffer: CVPixelBuffer

    public init(_ buffer: CVPixelBuffer) { self.buffer = buffer }

    public var size: PixelSize {
        PixelSize(width: CVPixelBufferGetWidth(buffer), height: CVPixelBufferGetHeight(buffer))
    }

    /// A copy of the pixels.
    ///
    /// - Throws: `StyleError.pictureUnusable` where the buffer is of another format or cannot be read.
    public func picture() throws -> Picture {
        try locked(.readOnly) { bytes, rowStride in
            Picture(
                packed: UnsafeRawBufferPointer(bytes), order: .bgra, width: size.width, height: size.height,
                rowStride: rowStride)
        }
    }

    /// Copies a picture of the same size into the buffer.
    public func write(_ picture: Picture) throws {
        guard picture.size == size else { throw StyleError.pictureUnusable(why: "its size is not the buffer's") }
        try locked([]) { bytes, rowStride in picture.write(to: bytes, order: .bgra, rowStride: rowStride) }
    }

    /// Whether all pixels are nearly alike, by every 16th of them.
    public var isFlat: Bool {
        let found = try? locked(.readOnly) { bytes, rowStride -> Bool in
            var (least, most) = (UInt8.max, UInt8.min)
            for y in stride(from: 0, to: size.height, by: 4) {
                for x in stride(from: 0, to: size.width, by: 4) {
                    for channel in 0..<3 {
                        let value = bytes[y * rowStride + x * 4 + channel]
                        (least, most) = (min(least, value), max(most, value))
                    }
                }
            }
            return Int(most) - Int(least) < 4
        }
        return found ?? true
    }

    private func locked<T>(
        _ flags: CVPixelBufferLockFlags, _ body: (UnsafeMutableRawBufferPointer, Int) throws -> T
    ) throws -> T {
        guard CVPixelBufferGetPixelFormatType(buffer) == kCVPixelFormatType_32BGRA else {
            throw StyleError.pictureUnusable(why: "its pixels are not BGRA")
        }
        guard CVPixelBufferLockBaseAddress(buffer, flags) == kCVReturnSuccess,
            let start = CVPixelBufferGetBaseAddress(buffer)
        else { throw StyleError.pictureUnusable(why: "its pixels cannot be read") }
        defer { CVPixelBufferUnlockBaseAddress(buffer, flags) }
        let rowStride = CVPixelBufferGetBytesPerRow(buffer)
        return try body(UnsafeMutableRawBufferPointer(start: start, count: rowStride * size.height), rowStride)
    }
}

/// Buffers of one size that are used again and again: a new one for every frame would make memory grow and shrink.
public final class PixelImagePool: @unchecked Sendable {
    public let size: PixelSize
    private let pool: CVPixelBufferPool

    /// - Throws: `StyleError.pictureUnusable` where the system makes no such buffers.
    public init(size: PixelSize) throws {
        let attributes: [String: Any] = [
            kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA,
            kCVPixelBufferWidthKey as String: size.width,
            kCVPixelBufferHeightKey as String: size.height,
            kCVPixelBufferIOSurfacePropertiesKey as String: [String: Any](),
        ]
        var made: CVPixelBufferPool?
        CVPixelBufferPoolCreate(nil, nil, attributes as CFDictionary, &made)
        guard let made else { throw StyleError.pictureUnusable(why: "there is no memory for its pixels") }
        (self.size, pool) = (size, made)
    }

    /// A buffer that nobody else uses. It goes back to the pool when it is let go of.
    public func image() throws -> PixelImage {
        var made: CVPixelBuffer?
        CVPixelBufferPoolCreatePixelBuffer(nil, pool, &made)
        guard let made else { throw StyleError.pictureUnusable(why: "there is no memory for its pixels") }
        return PixelImage(made)
    }
}
#endif
