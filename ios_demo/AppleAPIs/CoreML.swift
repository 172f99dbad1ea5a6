// Declarations of what this project uses of Apple's CoreML, written for it, to check types where there is no Apple SDK.
// Nothing here does anything.
import CoreVideo
@_exported import Foundation

public enum MLComputeUnits: Int, Sendable { case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine }

open class MLModelConfiguration: NSObject {
    open var computeUnits: MLComputeUnits = .all
}

open class MLPredictionOptions: NSObject {
    open var outputBackings: [String: Any] = [:]
}

open class MLImageConstraint: NSObject {
    open var pixelsHigh: Int { 0 }
    open var pixelsWide: Int { 0 }
}

open class MLFeatureDescription: NSObject {
    open var imageConstraint: MLImageConstraint? { nil }
}

open class MLModelDescription: NSObject {
    open var inputDescriptionsByName: [String: MLFeatureDescription] { [:] }
    open var outputDescriptionsByName: [String: MLFeatureDescription] { [:] }
}

public enum MLMultiArrayDataType: Int, Sendable { case double, float32, float16, int32 }

open class MLMultiArray: NSObject {
    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws {}
    open var count: Int { 0 }
    open var shape: [NSNumber] { [] }
    open subscript(_ index: Int) -> NSNumber {
        get { 0 }
        set {}
    }
    public func withUnsafeMutableBufferPointer<S, R>(
        ofType type: S.Type, _ body: (UnsafeMutableBufferPointer<S>, [Int]) throws -> R
    ) rethrows -> R { fatalError() }
}

open class MLFeatureValue: NSObject {
    public convenience init(pixelBuffer: CVPixelBuffer) { self.init() }
    public convenience init(multiArray: MLMultiArray) { self.init() }
    open var imageBufferValue: CVPixelBuffer? { nil }
    open var multiArrayValue: MLMultiArray? { nil }
}

public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

open class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    public init(dictionary: [String: Any]) throws {}
    open var featureNames: Set<String> { [] }
    open func featureValue(for featureName: String) -> MLFeatureValue? { nil }
}

open class MLModel: NSObject, @unchecked Sendable {
    public convenience init(contentsOf url: URL) throws { self.init() }
    open var modelDescription: MLModelDescription { MLModelDescription() }
    open class func compileModel(at modelURL: URL) async throws -> URL { modelURL }
    open class func load(contentsOf url: URL, configuration: MLModelConfiguration = MLModelConfiguration()) async throws
        -> MLModel
    { fatalError() }
    open func prediction(from input: any MLFeatureProvider, options: MLPredictionOptions = MLPredictionOptions()) async throws
        -> any MLFeatureProvider
    { fatalError() }
}
