import Foundation

/// One input or output of a model file, as a bundle's manifest describes it.
public struct ModelPort: Sendable, Equatable, Decodable {
    /// How a value is passed: as Core ML passes images, as an array, or as a number or label.
    public enum Kind: String, Sendable, Decodable {
        case image, tensor, value
    }

    public var name: String
    public var kind: Kind = .tensor
    /// `nil` is a size that is open.
    public var shape: [Int?] = []
    public var dtype: String = "float32"
    /// `NHWC` or `NCHW`; `nil` where nothing is known of the axes.
    public var layout: String?
    /// `RGB` and others for a picture; `nil` for plain numbers.
    public var color: String?
    public var low: Double?
    public var high: Double?
    public var scale: Double = 1
    public var zeroPoint: Int = 0

    private enum Keys: String, CodingKey {
        case name, kind, shape, dtype, layout, color, low, high, scale
        case zeroPoint = "zero_point"
    }

    public init(
        name: String, kind: Kind = .tensor, shape: [Int?] = [], dtype: String = "float32", layout: String? = nil,
        color: String? = nil, low: Double? = nil, high: Double? = nil
    ) {
        (self.name, self.kind, self.shape, self.dtype) = (name, kind, shape, dtype)
        (self.layout, self.color, self.low, self.high) = (layout, color, low, high)
    }

    public init(from decoder: any Decoder) throws {
        let box = try decoder.container(keyedBy: Keys.self)
        name = try box.decode(String.self, forKey: .name)
        kind = try box.decodeIfPresent(Kind.self, forKey: .kind) ?? .tensor
        shape = try box.decodeIfPresent([Int?].self, forKey: .shape) ?? []
        dtype = try box.decodeIfPresent(String.self, forKey: .dtype) ?? "float32"
        layout = try box.decodeIfPresent(String.self, forKey: .layout)
        color = try box.decodeIfPresent(String.self, forKey: .color)
        low = try box.decodeIfPresent(Double.self, forKey: .low)
        high = try box.decodeIfPresent(Double.self, forKey: .high)
        scale = try box.decodeIfPresent(Double.self, forKey: .scale) ?? 1
        zeroPoint = try box.decodeIfPresent(Int.self, forKey: .zeroPoint) ?? 0
    }

    /// Width and height in pixels of a picture of three channels, `nil` for anything else.
    public var size: PixelSize? {
        guard let layout, shape.count >= 3, color != nil else { return nil }
        let last = shape.suffix(3).map { $0 }
        let (height, width, channels) = layout == "NHWC" ? (last[0], last[1], last[2]) : (last[1], last[2], last[0])
        guard channels == 3, let width, let height, width > 0, height > 0 else { return nil }
        return PixelSize(width: width, height: height)
    }
}

/// The inputs and outputs of a model file, in its order. Read from the short form (a picture in, one of the same size
/// out) and from the long one (any ports).
public struct Signature: Sendable, Equatable, Decodable {
    public var inputs: [ModelPort]
    public var outputs: [ModelPort]

    private enum Keys: String, CodingKey {
        case inputs, outputs, height, width, color, low, high, dtype, layout
        case inputName = "input_name"
        case outputName = "output_name"
    }

    public init(inputs: [ModelPort], outputs: [ModelPort]) {
        (self.inputs, self.outputs) = (inputs, outputs)
    }

    public init(from decoder: any Decoder) throws {
        let box = try decoder.container(keyedBy: Keys.self)
        if box.contains(.inputs) {
            inputs = try box.decode([ModelPort].self, forKey: .inputs)
            outputs = try box.decode([ModelPort].self, forKey: .outputs)
            return
        }
        let height = try box.decode(Int.self, forKey: .height)
        let width = try box.decode(Int.self, forKey: .width)
        let dtype = try box.decodeIfPresent(String.self, forKey: .dtype)
        let layout = try box.decodeIfPresent(String.self, forKey: .layout) ?? (dtype == nil ? "NCHW" : "NHWC")
        var port = ModelPort(name: try box.decodeIfPresent(String.self, forKey: .inputName) ?? "image")
        port.kind = dtype == nil ? .image : .tensor
        port.shape = layout == "NHWC" ? [1, height, width, 3] : [1, 3, height, width]
        port.dtype = dtype ?? "uint8"
        port.layout = layout
        port.color = try box.decodeIfPresent(String.self, forKey: .color) ?? "RGB"
        port.low = try box.decodeIfPresent(Double.self, forKey: .low) ?? 0
        port.high = try box.decodeIfPresent(Double.self, forKey: .high) ?? 255
        inputs = [port]
        port.name = try box.decodeIfPresent(String.self, forKey: .outputName) ?? "stylized"
        outputs = [port]
    }
}

/// Width and height in pixels.
public struct PixelSize: Sendable, Equatable, Hashable, Codable {
    public var width: Int
    public var height: Int

    public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }
}
