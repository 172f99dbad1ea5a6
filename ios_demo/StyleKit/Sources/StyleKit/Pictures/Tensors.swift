import Foundation

/// Numbers for a port that takes an array.
public struct Tensor: Sendable, Equatable {
    public var shape: [Int]
    public var values: [Float]

    public init(shape: [Int], values: [Float]) {
        precondition(shape.reduce(1, *) == values.count, "the shape counts the values")
        (self.shape, self.values) = (shape, values)
    }
}

extension ModelPort {
    /// What the port holds for a pixel's value 0...255: for integers, as `scale * (q - zeroPoint)`, clipped.
    public func held(pixel: Int) -> Double {
        let low = low ?? 0, high = high ?? 255
        let value = low + Double(pixel) * (high - low) / 255
        guard let limits else { return Double(Float(value)) }
        let stored = (value / scale).rounded(.toNearestOrEven) + Double(zeroPoint)
        return min(max(stored, limits.lowerBound), limits.upperBound)
    }

    /// The pixel's value for what the port holds, rounded half to even and clipped; `nil` for NaN and infinities.
    public func pixel(held: Double) -> UInt8? {
        let low = low ?? 0, high = high ?? 255
        let value = limits == nil ? held : (held - Double(zeroPoint)) * scale
        let pixel = (value - low) * 255 / (high - low)
        guard pixel.isFinite else { return nil }
        return UInt8(min(max(pixel.rounded(.toNearestOrEven), 0), 255))
    }

    private var limits: ClosedRange<Double>? {
        switch dtype {
        case "uint8": return 0...255
        case "int8": return -128...127
        default: return nil
        }
    }

    /// The picture as this port's array, in its layout.
    ///
    /// - Throws: `StyleError.pictureUnusable` where the port holds no picture of this size.
    public func tensor(of picture: Picture) throws -> Tensor {
        guard size == picture.size else {
            throw StyleError.pictureUnusable(why: "the model does not take \(picture.width) x \(picture.height) pixels")
        }
        let table = (0...255).map { Float(held(pixel: $0)) }
        let plane = picture.width * picture.height
        var values = [Float](repeating: 0, count: plane * 3)
        for index in 0..<plane {
            for channel in 0..<3 {
                let to = layout == "NHWC" ? index * 3 + channel : channel * plane + index
                values[to] = table[Int(picture.bytes[index * 3 + channel])]
            }
        }
        return Tensor(shape: shape.map { $0 ?? 1 }, values: values)
    }

    /// The picture in this port's array.
    ///
    /// - Throws: `StyleError.pictureUnusable` where a value is not finite or the array is of another size.
    public func picture(of tensor: Tensor) throws -> Picture {
        guard let size, tensor.values.count == size.width * size.height * 3 else {
            throw StyleError.pictureUnusable(why: "the model gave no picture of the size that it promises")
        }
        let plane = size.width * size.height
        var result = Picture(width: size.width, height: size.height)
        for index in 0..<plane {
            for channel in 0..<3 {
                let from = layout == "NHWC" ? index * 3 + channel : channel * plane + index
                guard let value = pixel(held: Double(tensor.values[from])) else {
                    throw StyleError.pictureUnusable(why: "the model gave values that are not numbers")
                }
                result.bytes[index * 3 + channel] = value
            }
        }
        return result
    }
}
