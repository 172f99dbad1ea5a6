import Foundation

/// What goes into a port or comes out of one.
public enum Value<Image: Sendable>: Sendable {
    case picture(Image)
    case tensor(Tensor)
}

/// Runs one model file. An engine is used by one caller at a time; `Stylizer` and `FrameGate` see to that.
public protocol Engine<Image>: Sendable {
    /// What pictures are for this engine: `Picture`, or a `CVPixelBuffer` that is not copied.
    associatedtype Image: Sendable

    /// What the model takes and gives.
    var signature: Signature { get }

    /// Runs the model.
    ///
    /// - Parameter inputs: a value for every input port by name; pictures have the port's size.
    /// - Returns: a value for every output port by name.
    /// - Throws: `StyleError.modelFailed`, or `CancellationError` when its task has been cancelled.
    func run(_ inputs: [String: Value<Image>]) async throws -> [String: Value<Image>]
}

/// Makes an engine of a bundle's file. Apps give `CoreMLEngine.make`; tests give their own.
public typealias EngineMaker<Image: Sendable> =
    @Sendable (StyleBundle, Choice.Attempt) async throws -> any Engine<Image>

extension Signature {
    /// What a file is for.
    public enum Role: Sendable, Equatable {
        /// A picture in, one of the same size out.
        case style
        /// A painting in, numbers that stand for its style out.
        case encoder
        /// A photograph and such numbers in, a picture of the photograph's size out.
        case decoder
    }

    /// What the file is for.
    ///
    /// - Throws: `StyleError.signatureUnknown` for anything that this library does not handle.
    public func role(of file: String) throws -> Role {
        func refused(_ why: String) -> StyleError { .signatureUnknown(file: file, why: why) }
        let pictures = inputs.filter { $0.size != nil }
        let numbers = inputs.filter { $0.size == nil }
        guard pictures.count == 1 else { throw refused("it takes \(pictures.count) pictures, and one is handled") }
        guard (inputs + outputs).allSatisfy({ $0.color == nil || $0.color == "RGB" }) else {
            throw refused("its pictures are not RGB")
        }
        let shown = outputs.filter { $0.size != nil }
        guard shown.count <= 1, shown.isEmpty || outputs.count == 1 else {
            throw refused("it gives more than one picture, or numbers beside it")
        }
        guard let result = shown.first else {
            guard numbers.isEmpty else { throw refused("it takes numbers and gives no picture") }
            return .encoder
        }
        guard result.size == pictures[0].size else { throw refused("the picture that it gives has another size") }
        return numbers.isEmpty ? .style : .decoder
    }
}

extension Engine {
    /// Runs a model that takes one picture, and numbers if it wants any, and gives one picture.
    public func stylize(_ image: Image, style: [String: Tensor] = [:]) async throws -> Image {
        var inputs = style.mapValues { Value<Image>.tensor($0) }
        for port in signature.inputs where port.size != nil { inputs[port.name] = .picture(image) }
        for port in signature.inputs where inputs[port.name] == nil {
            throw StyleError.modelFailed(file: "the model", why: "it takes “\(port.name)” too")
        }
        for case .picture(let result) in try await run(inputs).values { return result }
        throw StyleError.modelFailed(file: "the model", why: "it gave no picture")
    }

    /// The numbers that stand for a painting's style, of a model that gives such.
    public func encode(_ painting: Image) async throws -> [String: Tensor] {
        guard let port = signature.inputs.first(where: { $0.size != nil }) else { return [:] }
        return try await run([port.name: .picture(painting)]).compactMapValues {
            if case .tensor(let tensor) = $0 { return tensor }
            return nil
        }
    }
}
