import Foundation

/// A photograph of any size through a model of one size: in tiles that overlap, blended where they do.
public enum Tiling {
    /// Pixels by which neighbours overlap at least: an eighth of the tile's shorter side.
    public static func overlap(of tile: PixelSize) -> Int { min(tile.width, tile.height) / 8 }

    /// The tiles of a photograph; a photograph that is smaller than a tile has none.
    public static func tiles(of photo: PixelSize, tile: PixelSize) -> [Frame]? {
        guard photo.width >= tile.width, photo.height >= tile.height else { return nil }
        let overlap = overlap(of: tile)
        let across = Fitting.tiles(length: photo.width, tile: tile.width, overlap: overlap)
        let down = Fitting.tiles(length: photo.height, tile: tile.height, overlap: overlap)
        return down.flatMap { y in across.map { Frame(x: $0, y: y, size: tile) } }
    }

    /// Runs `stylize` on each tile and blends the results. One tile is in flight at a time.
    ///
    /// A style's norms look at a tile alone, so its tones differ from the whole picture's: the blend hides the seams,
    /// it does not make the tiles one picture.
    ///
    /// - Parameter progress: is told the share that is done, 0...1.
    /// - Throws: what `stylize` throws, and `CancellationError` between two tiles.
    public static func run(
        _ photo: Picture, tile: PixelSize, progress: @Sendable (Double) -> Void = { _ in },
        stylize: @Sendable (Picture) async throws -> Picture
    ) async throws -> Picture {
        guard let tiles = tiles(of: photo.size, tile: tile) else {
            throw StyleError.pictureUnusable(why: "it is smaller than \(tile.width) x \(tile.height) pixels")
        }
        var canvas = Canvas(size: photo.size)
        for (index, frame) in tiles.enumerated() {
            try Task.checkCancellation()
            let result = try await stylize(photo.part(x: frame.x, y: frame.y, size: tile))
            canvas.add(result, at: frame, ramp: overlap(of: tile))
            progress(Double(index + 1) / Double(tiles.count))
        }
        return canvas.picture
    }
}

/// Sums of weighted pixels. A pixel's weight rises from a tile's edge inwards and is never 0.
private struct Canvas {
    let size: PixelSize
    private var sums: [Float]
    private var weights: [Float]

    init(size: PixelSize) {
        self.size = size
        sums = [Float](repeating: 0, count: size.width * size.height * 3)
        weights = [Float](repeating: 0, count: size.width * size.height)
    }

    mutating func add(_ tile: Picture, at place: Frame, ramp: Int) {
        func weight(_ index: Int, _ length: Int) -> Float {
            Float(min(index + 1, length - index, ramp + 1)) / Float(ramp + 1)
        }
        let across = (0..<tile.width).map { weight($0, tile.width) }
        for y in 0..<tile.height {
            let down = weight(y, tile.height)
            var to = (place.y + y) * size.width + place.x
            var from = y * tile.width * 3
            for x in 0..<tile.width {
                let share = down * across[x]
                weights[to] += share
                for channel in 0..<3 { sums[to * 3 + channel] += share * Float(tile.bytes[from + channel]) }
                to += 1
                from += 3
            }
        }
    }

    var picture: Picture {
        var result = Picture(width: size.width, height: size.height)
        for index in weights.indices {
            for channel in 0..<3 {
                let value = sums[index * 3 + channel] / weights[index]
                result.bytes[index * 3 + channel] = UInt8(min(max(value.rounded(.toNearestOrEven), 0), 255))
            }
        }
        return result
    }
}
