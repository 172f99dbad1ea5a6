import Foundation

extension Picture {
    /// Resampled by Lanczos with three lobes, antialiased when it shrinks; bit for bit what Pillow gives, one axis after
    /// the other, and so what the pipeline's own `fit` gives.
    ///
    /// - Parameter box: left, top, right and bottom in pixels of what is taken; it may begin between two pixels.
    public func resized(to size: PixelSize, box: Box? = nil) -> Picture {
        let box = box ?? Box(left: 0, top: 0, right: Double(width), bottom: Double(height))
        let across = Taps(from: width, low: box.left, high: box.right, to: size.width)
        let down = Taps(from: height, low: box.top, high: box.bottom, to: size.height)
        // Across first, of the rows that are needed; then down. The picture between the two is rounded to 8 bits.
        guard !across.isIdentity, !down.isIdentity, down.high - down.low < height else {
            return horizontal(across).vertical(down)
        }
        let needed = PixelSize(width: width, height: down.high - down.low)
        return part(x: 0, y: down.low, size: needed).horizontal(across).vertical(down, below: down.low)
    }

    private func horizontal(_ taps: Taps) -> Picture {
        if taps.isIdentity { return self }
        let outWidth = taps.starts.count
        let result = [UInt8](unsafeUninitializedCapacity: outWidth * height * 3) { out, count in
            bytes.withUnsafeBufferPointer { source in
                var to = 0
                for row in 0..<height {
                    for x in 0..<outWidth {
                        var (red, green, blue) = (Taps.half, Taps.half, Taps.half)
                        var from = (row * width + taps.starts[x]) * 3
                        for tap in (x * taps.most)..<(x * taps.most + taps.counts[x]) {
                            let weight = taps.weights[tap]
                            red += Int(source[from]) * weight
                            green += Int(source[from + 1]) * weight
                            blue += Int(source[from + 2]) * weight
                            from += 3
                        }
                        (out[to], out[to + 1], out[to + 2]) = (Taps.byte(red), Taps.byte(green), Taps.byte(blue))
                        to += 3
                    }
                }
                count = to
            }
        }
        return Picture(width: outWidth, height: height, bytes: result)
    }

    /// - Parameter top: rows of the picture that the taps are for which this one lacks at its top.
    private func vertical(_ taps: Taps, below top: Int = 0) -> Picture {
        if taps.isIdentity { return self }
        let line = width * 3
        let result = [UInt8](unsafeUninitializedCapacity: line * taps.starts.count) { out, count in
            bytes.withUnsafeBufferPointer { source in
                for y in taps.starts.indices {
                    let first = (taps.starts[y] - top) * line
                    for x in 0..<line {
                        var sum = Taps.half
                        var from = first + x
                        for tap in (y * taps.most)..<(y * taps.most + taps.counts[y]) {
                            sum += Int(source[from]) * taps.weights[tap]
                            from += line
                        }
                        out[y * line + x] = Taps.byte(sum)
                    }
                }
                count = line * taps.starts.count
            }
        }
        return Picture(width: width, height: taps.starts.count, bytes: result)
    }
}

/// For every pixel of a new row: where its old pixels begin, how many there are, and their weights in fixed point.
private struct Taps {
    static let bits = 22
    static let half = 1 << (bits - 1)

    let starts: [Int]
    let counts: [Int]
    let weights: [Int]
    /// Weights kept for each pixel.
    let most: Int
    /// The old pixels that are looked at, `low..<high`.
    let low, high: Int
    /// Whether the new row is the old one.
    let isIdentity: Bool

    init(from length: Int, low from: Double, high to: Double, to count: Int) {
        let low = Double(Float(from)), high = Double(Float(to))  // as Pillow takes them
        let scale = Double(Float(high) - Float(low)) / Double(count)  // as Pillow takes it, too
        let stretch = max(scale, 1)
        let support = 3 * stretch
        most = Int(support.rounded(.up)) * 2 + 1
        var starts: [Int] = [], counts: [Int] = []
        var weights = [Int](repeating: 0, count: count * most)
        for index in 0..<count {
            let centre = low + (Double(index) + 0.5) * scale
            let first = max(0, Int(centre - support + 0.5))
            let end = min(length, Int(centre + support + 0.5))
            let raw = (first..<end).map { lanczos((Double($0) - centre + 0.5) * (1 / stretch)) }
            let sum = raw.reduce(0, +)
            for (tap, weight) in raw.enumerated() {
                let part = (sum == 0 ? weight : weight / sum) * Double(1 << Taps.bits)
                weights[index * most + tap] = Int(part + (weight < 0 ? -0.5 : 0.5))
            }
            starts.append(first)
            counts.append(raw.count)
        }
        (self.starts, self.counts, self.weights) = (starts, counts, weights)
        self.low = starts[0]
        self.high = starts[count - 1] + counts[count - 1]
        isIdentity = count == length && low == 0 && high == Double(count)
    }

    static func byte(_ sum: Int) -> UInt8 { UInt8(clamping: sum >> bits) }
}

private func lanczos(_ x: Double) -> Double {
    guard x >= -3, x < 3 else { return 0 }
    return sinc(x) * sinc(x / 3)
}

private func sinc(_ x: Double) -> Double {
    if x == 0 { return 1 }
    return sin(x * .pi) / (x * .pi)
}
