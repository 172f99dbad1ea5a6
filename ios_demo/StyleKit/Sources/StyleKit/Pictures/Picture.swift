import Foundation

/// A picture in memory: RGB, 8 bits a channel, rows without gaps, the top row first.
public struct Picture: Sendable, Equatable {
    public let width: Int
    public let height: Int
    /// `width * height * 3` bytes.
    public var bytes: [UInt8]

    public var size: PixelSize { PixelSize(width: width, height: height) }

    /// A picture of `bytes`, or a black one without them.
    public init(width: Int, height: Int, bytes: [UInt8]? = nil) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel")
        precondition(bytes == nil || bytes?.count == width * height * 3, "RGB takes three bytes a pixel")
        (self.width, self.height) = (width, height)
        self.bytes = bytes ?? [UInt8](repeating: 0, count: width * height * 3)
    }

    /// As it is shown when its file says EXIF `orientation` (1...8; anything else counts as 1).
    public func upright(orientation: Int) -> Picture {
        guard (2...8).contains(orientation) else { return self }
        let turned = orientation >= 5  // rows become columns
        var result = turned ? Picture(width: height, height: width) : Picture(width: width, height: height)
        let right = width - 1, bottom = height - 1
        let outWidth = result.width
        for y in 0..<result.height {
            for x in 0..<outWidth {
                let (fromX, fromY): (Int, Int)
                switch orientation {
                case 2: (fromX, fromY) = (right - x, y)
                case 3: (fromX, fromY) = (right - x, bottom - y)
                case 4: (fromX, fromY) = (x, bottom - y)
                case 5: (fromX, fromY) = (y, x)
                case 6: (fromX, fromY) = (y, bottom - x)
                case 7: (fromX, fromY) = (right - y, bottom - x)
                default: (fromX, fromY) = (right - y, x)
                }
                let from = (fromY * width + fromX) * 3, to = (y * outWidth + x) * 3
                for channel in 0..<3 { result.bytes[to + channel] = bytes[from + channel] }
            }
        }
        return result
    }

    /// The part that begins at `x`, `y`.
    public func part(x: Int, y: Int, size: PixelSize) -> Picture {
        precondition(x >= 0 && y >= 0 && x + size.width <= width && y + size.height <= height, "the part lies inside")
        var found: [UInt8] = []
        found.reserveCapacity(size.width * size.height * 3)
        for row in y..<(y + size.height) {
            let start = (row * width + x) * 3
            found.append(contentsOf: bytes[start..<(start + size.width * 3)])
        }
        return Picture(width: size.width, height: size.height, bytes: found)
    }

    /// Whether all pixels are nearly alike, which a photograph's never are: what a GPU gives when half precision
    /// overflows.
    public var isFlat: Bool {
        let (least, most) = bytes.reduce((UInt8.max, UInt8.min)) { (min($0.0, $1), max($0.1, $1)) }
        return Int(most) - Int(least) < 4
    }
}

/// Peak signal-to-noise ratio in dB, peak 255; infinite for equal pictures.
public func psnr(_ one: Picture, _ other: Picture) -> Double {
    precondition(one.size == other.size, "pictures of one size are compared")
    var sum = 0
    for (a, b) in zip(one.bytes, other.bytes) {
        let difference = Int(a) - Int(b)
        sum += difference * difference
    }
    return sum == 0 ? .infinity : 10 * log10(255.0 * 255.0 * Double(one.bytes.count) / Double(sum))
}
