import Foundation

extension Picture {
    /// Resampled by Lanczos with three lobes, antialiased when it shrinks; bit for bit what Pillow gives, and so what
    /// the pipeline's own `fit` gives.
    ///
    /// - Parameter box: left, top, right and bottom in pixels of what is taken; it may begin between two pixels.
    public func resized(to size: Size, box: Box? = nil) -> Picture {
        let box = box ?? Box(left: 0, top: 0, right: Double(width), bottom: Double(height))
        let across = Taps(from: width, low: box.left, high: box.right, to: size.width)
        let down = Taps(from: height, low: box.top, high: box.bottom, to: size.height)
        // Rows first, only those that are needed; then columns. The picture between the two is rounded to 8 bits.
        var rows = (low: 0, high: height)
        if !down.isIdentity, let first = down.starts.first, let last = down.starts.last {
            rows = (first, last + (down.counts.last ?? 0))
        }
        let middle = across.isIdentity ? bytes : horizontal(across, rows: rows)
        let offset = across.isIdentity ? 0 : rows.low
        let result = down.isIdentity
            ? middle : vertical(middle, down, width: size.width, firstRow: offset)
        return Picture(width: size.width, height: size.height, bytes: result)
    }

    private func horizontal(_ taps: Taps, rows: (low: Int, high: Int)) -> [UInt8] {
        let outWidth = taps.starts.count
        return [UInt8](unsafeUninitializedCapacity: outWidth * (rows.high - rows.low) * 3) { out, count in
            bytes.withUnsafeBufferPointer { source in
                var to = 0
                for row in rows.low..<rows.high {
                    let line = row * width * 3
                    for x in 0..<outWidth {
                        var (red, green, blue) = (Taps.half, Taps.half, Taps.half)
                        var from = line + taps.starts[x] * 3
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
    }

    private func vertical(_ middle: [UInt8], _ taps: Taps, width: Int, firstRow: Int) -> [UInt8] {
        let line = width * 3
        return [UInt8](unsafeUninitializedCapacity: line * taps.starts.count) { out, count in
            middle.withUnsafeBufferPointer { source in
                for y in taps.starts.indices {
                    let first = (taps.starts[y] - firstRow) * line
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
    /// Whether the new row is the old one.
    let isIdentity: Bool

    init(from length: Int, low: Double, high: Double, to count: Int) {
        let scale = (high - low) / Double(count)
        let stretch = max(scale, 1)
        let support = 3 * stretch
        most = Int(support.rounded(.up)) * 2 + 1
        var starts: [Int] = [], counts: [Int] = []
        var weights = [Int](repeating: 0, count: count * most)
        for index in 0..<count {
            let centre = low + (Double(index) + 0.5) * scale
            let first = max(0, Int(centre - support + 0.5))
            let end = min(length, Int(centre + support + 0.5))
            let raw = (first..<end).map { lanczos((Double($0) - centre + 0.5) / stretch) }
            let sum = raw.reduce(0, +)
            for (tap, weight) in raw.enumerated() {
                let part = (sum == 0 ? weight : weight / sum) * Double(1 << Taps.bits)
                weights[index * most + tap] = Int(part + (weight < 0 ? -0.5 : 0.5))
            }
            starts.append(first)
            counts.append(raw.count)
        }
        (self.starts, self.counts, self.weights) = (starts, counts, weights)
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
