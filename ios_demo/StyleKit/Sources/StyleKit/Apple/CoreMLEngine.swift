#if canImport(CoreML) && canImport(CoreVideo)
import CoreML
import CoreVideo
import Foundation

/// Runs a bundle's file by Core ML. Pictures go in and out as pixel buffers; results are written into pooled ones.
public final class CoreMLEngine: Engine, @unchecked Sendable {
    public typealias Image = PixelImage

    public let signature: Signature
    private let file: String
    private let model: MLModel
    private let pools: [String: PixelImagePool]

    /// - Throws: `StyleError.signatureUnknown` where the model's own description is not what the manifest says.
    public init(model: MLModel, signature: Signature, file: String) throws {
        (self.model, self.signature, self.file) = (model, signature, file)
        let described = model.modelDescription
        for (ports, found) in [
            (signature.inputs, described.inputDescriptionsByName), (signature.outputs, described.outputDescriptionsByName),
        ] {
            for port in ports {
                guard let feature = found[port.name] else {
                    throw StyleError.signatureUnknown(file: file, why: "it has no “\(port.name)”")
                }
                guard port.kind == .image, let size = port.size else { continue }
                guard let image = feature.imageConstraint, image.pixelsWide == size.width, image.pixelsHigh == size.height
                else {
                    throw StyleError.signatureUnknown(file: file, why: "“\(port.name)” is no image of \(size.width) x \(size.height)")
                }
            }
        }
        var pools: [String: PixelImagePool] = [:]
        for port in signature.outputs where port.kind == .image {
            if let size = port.size { pools[port.name] = try PixelImagePool(size: size) }
        }
        self.pools = pools
    }

    /// Makes engines of bundles' files, whose compiled forms are kept by `compiled`.
    public static func make(_ compiled: CompiledModels) -> EngineMaker<PixelImage> {
        { bundle, attempt in
            let configuration = MLModelConfiguration()
            configuration.computeUnits = attempt.units.computeUnits
            let place = try await compiled.compiled(attempt.model, of: bundle)
            do {
                let model = try await MLModel.load(contentsOf: place, configuration: configuration)
                return try CoreMLEngine(model: model, signature: attempt.model.signature, file: attempt.model.file)
            } catch let error as StyleError {
                throw error
            } catch {
                // A copy that an update of the system no longer takes is compiled anew the next time.
                await compiled.forget(attempt.model)
                throw StyleError.modelFailed(file: attempt.model.file, why: error.localizedDescription)
            }
        }
    }

    public func run(_ inputs: [String: Value<PixelImage>]) async throws -> [String: Value<PixelImage>] {
        try Task.checkCancellation()
        var features: [String: Any] = [:]
        for port in signature.inputs {
            guard let value = inputs[port.name] else { throw failure("“\(port.name)” is missing") }
            features[port.name] = try feature(value, for: port)
        }
        let options = MLPredictionOptions()
        var backings: [String: PixelImage] = [:]
        for (name, pool) in pools { backings[name] = try pool.image() }
        options.outputBackings = backings.mapValues { $0.buffer as Any }
        let found: any MLFeatureProvider
        do {
            found = try await model.prediction(from: MLDictionaryFeatureProvider(dictionary: features), options: options)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw failure(error.localizedDescription)
        }
        var results: [String: Value<PixelImage>] = [:]
        for port in signature.outputs {
            guard let value = found.featureValue(for: port.name) else { throw failure("it gave no “\(port.name)”") }
            results[port.name] = try result(value, of: port)
        }
        return results
    }

    private func feature(_ value: Value<PixelImage>, for port: ModelPort) throws -> MLFeatureValue {
        switch value {
        case .picture(let image) where port.kind == .image:
            guard image.size == port.size else { throw failure("the picture has another size than “\(port.name)”") }
            return MLFeatureValue(pixelBuffer: image.buffer)
        case .picture(let image):
            return MLFeatureValue(multiArray: try array(try port.tensor(of: image.picture())))
        case .tensor(let tensor):
            return MLFeatureValue(multiArray: try array(tensor))
        }
    }

    private func result(_ value: MLFeatureValue, of port: ModelPort) throws -> Value<PixelImage> {
        if port.kind == .image {
            guard let buffer = value.imageBufferValue else { throw failure("“\(port.name)” is no image") }
            return .picture(PixelImage(buffer))
        }
        guard let array = value.multiArrayValue else { throw failure("“\(port.name)” is no array") }
        let numbers = (0..<array.count).map { array[$0].floatValue }
        let tensor = Tensor(shape: array.shape.map(\.intValue), values: numbers)
        guard let size = port.size else { return .tensor(tensor) }
        let image = try PixelImagePool(size: size).image()
        try image.write(try port.picture(of: tensor))
        return .picture(image)
    }

    private func array(_ tensor: Tensor) throws -> MLMultiArray {
        let array = try MLMultiArray(shape: tensor.shape.map { NSNumber(value: $0) }, dataType: .float32)
        array.withUnsafeMutableBufferPointer(ofType: Float.self) { numbers, _ in
            for (index, value) in tensor.values.enumerated() { numbers[index] = value }
        }
        return array
    }

    private func failure(_ why: String) -> StyleError { .modelFailed(file: file, why: why) }
}

extension Units {
    var computeUnits: MLComputeUnits {
        switch self {
        case .all: return .all
        case .cpuAndGPU: return .cpuAndGPU
        case .cpuOnly: return .cpuOnly
        }
    }
}

extension CompiledModels {
    /// Compiles by Core ML and keeps the results in the app's own folder, which backups leave out.
    ///
    /// - Throws: where the system gives the app no such folder.
    public static func ofThisApp() throws -> CompiledModels {
        let caches = try FileManager.default.url(for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        return CompiledModels(folder: caches.appendingPathComponent("StyleKit")) { try await MLModel.compileModel(at: $0) }
    }
}

/// A Core ML engine for pictures in memory, such as the tiles of a photograph: each is copied into a pooled buffer.
public struct PictureEngine: Engine {
    public typealias Image = Picture

    public var signature: Signature { engine.signature }
    private let engine: any Engine<PixelImage>
    private let pool: PixelImagePool?

    public init(_ engine: any Engine<PixelImage>) throws {
        self.engine = engine
        pool = try engine.signature.inputs.compactMap(\.size).first.map(PixelImagePool.init(size:))
    }

    /// Makes engines for pictures out of engines for pixel buffers.
    public static func make(_ make: @escaping EngineMaker<PixelImage>) -> EngineMaker<Picture> {
        { bundle, attempt in try PictureEngine(try await make(bundle, attempt)) }
    }

    public func run(_ inputs: [String: Value<Picture>]) async throws -> [String: Value<Picture>] {
        let given = try inputs.mapValues { value -> Value<PixelImage> in
            switch value {
            case .tensor(let tensor): return .tensor(tensor)
            case .picture(let picture):
                guard let pool else { throw StyleError.pictureUnusable(why: "the model takes no picture") }
                let image = try pool.image()
                try image.write(picture)
                return .picture(image)
            }
        }
        return try await engine.run(given).mapValues { value in
            switch value {
            case .tensor(let tensor): return .tensor(tensor)
            case .picture(let image): return .picture(try image.picture())
            }
        }
    }
}
#endif
