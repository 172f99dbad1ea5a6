import Foundation

/// A part of a picture in pixels, which may begin between two of them.
public struct Box: Sendable, Equatable {
    public var left, top, right, bottom: Double

    public init(left: Double, top: Double, right: Double, bottom: Double) {
        (self.left, self.top, self.right, self.bottom) = (left, top, right, bottom)
    }
}

/// Whole pixels of a picture.
public struct Frame: Sendable, Equatable {
    public var x, y: Int
    public var size: PixelSize

    public init(x: Int, y: Int, size: PixelSize) { (self.x, self.y, self.size) = (x, y, size) }
}

/// How pictures of one shape get into another.
public enum Fitting {
    /// The centre part of `source` that has the shape of `target`.
    public static func crop(_ source: PixelSize, to target: PixelSize) -> Box {
        let scale = max(
            Double(target.width) / Double(source.width), Double(target.height) / Double(source.height))
        let width = Double(target.width) / scale, height = Double(target.height) / scale
        let left = (Double(source.width) - width) / 2, top = (Double(source.height) - height) / 2
        return Box(left: left, top: top, right: left + width, bottom: top + height)
    }

    /// Where the whole of `source` lies inside `target`; an odd pixel of border goes right and below.
    public static func letterbox(_ source: PixelSize, in target: PixelSize) -> Frame {
        let scale = min(
            Double(target.width) / Double(source.width), Double(target.height) / Double(source.height))
        func side(_ length: Int, _ most: Int) -> Int { min(most, max(1, Int(Double(length) * scale + 0.5))) }
        let size = PixelSize(width: side(source.width, target.width), height: side(source.height, target.height))
        return Frame(x: (target.width - size.width) / 2, y: (target.height - size.height) / 2, size: size)
    }

    /// Where tiles begin along a side: as few as overlap by `overlap` or more, spread evenly, the last one flush.
    ///
    /// - Precondition: `0 <= overlap < tile <= length`.
    public static func tiles(length: Int, tile: Int, overlap: Int) -> [Int] {
        precondition(overlap >= 0 && overlap < tile && tile <= length, "tiles are smaller than the picture")
        let count = max(1, (length - overlap + tile - overlap - 1) / (tile - overlap))
        guard count > 1 else { return [0] }
        return (0..<count).map { ($0 * (length - tile) + (count - 1) / 2) / (count - 1) }
    }
}

extension Picture {
    /// The centre, resampled until it just covers `size`.
    public func fitted(to size: PixelSize) -> Picture {
        size == self.size ? self : resized(to: size, box: Fitting.crop(self.size, to: size))
    }

    /// The whole picture inside `size`; its edge pixels go on over the border.
    public func letterboxed(in size: PixelSize) -> Picture {
        let place = Fitting.letterbox(self.size, in: size)
        let inner = resized(to: place.size)
        var result = Picture(width: size.width, height: size.height)
        for y in 0..<size.height {
            let row = min(max(y - place.y, 0), inner.height - 1)
            for x in 0..<size.width {
                let from = (row * inner.width + min(max(x - place.x, 0), inner.width - 1)) * 3
                let to = (y * size.width + x) * 3
                for channel in 0..<3 { result.bytes[to + channel] = inner.bytes[from + channel] }
            }
        }
        return result
    }
}
