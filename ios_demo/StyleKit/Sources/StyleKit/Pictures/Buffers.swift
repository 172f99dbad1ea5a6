import Foundation

/// The order of the bytes of a pixel in a buffer of four channels.
public enum PixelOrder: String, Sendable {
    case rgba = "RGBA"
    case bgra = "BGRA"

    var red: Int { self == .rgba ? 0 : 2 }
    var blue: Int { self == .rgba ? 2 : 0 }
}

extension Picture {
    /// A picture out of a buffer whose rows may be longer than the picture. What lies between the rows is not read.
    ///
    /// - Precondition: `rowStride >= 4 * width`, and the buffer holds the last row's last pixel.
    public init(packed: UnsafeRawBufferPointer, order: PixelOrder, width: Int, height: Int, rowStride: Int) {
        precondition(rowStride >= 4 * width, "a row holds its pixels")
        precondition(packed.count >= (height - 1) * rowStride + 4 * width, "the buffer holds the picture")
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { out, count in
            for y in 0..<height {
                var from = y * rowStride, to = y * width * 3
                for _ in 0..<width {
                    out[to] = packed[from + order.red]
                    out[to + 1] = packed[from + 1]
                    out[to + 2] = packed[from + order.blue]
                    from += 4
                    to += 3
                }
            }
            count = width * height * 3
        }
        self.init(width: width, height: height, bytes: bytes)
    }

    /// Writes the picture, opaque, into a buffer whose rows may be longer. What lies between the rows is left alone.
    public func write(to packed: UnsafeMutableRawBufferPointer, order: PixelOrder, rowStride: Int) {
        precondition(rowStride >= 4 * width, "a row holds its pixels")
        precondition(packed.count >= (height - 1) * rowStride + 4 * width, "the buffer holds the picture")
        bytes.withUnsafeBufferPointer { source in
            for y in 0..<height {
                var to = y * rowStride, from = y * width * 3
                for _ in 0..<width {
                    packed[to + order.red] = source[from]
                    packed[to + 1] = source[from + 1]
                    packed[to + order.blue] = source[from + 2]
                    packed[to + 3] = 255
                    from += 3
                    to += 4
                }
            }
        }
    }
}
