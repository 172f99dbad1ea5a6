import Foundation

/// What `manifest.json` of a bundle says of its files. Keys that are not listed here are left alone.
public struct Manifest: Sendable, Equatable {
    /// The format that this library reads.
    public static let format = 1
    public static let file = "manifest.json"

    /// Bytes and SHA-256 of one file.
    public struct Listed: Sendable, Equatable, Decodable {
        public let bytes: Int
        public let sha256: String
    }

    /// One model file.
    public struct Model: Sendable, Equatable {
        /// Format and precision, such as `mlpackage-int8`.
        public let target: String
        /// Its path in the bundle; a folder for an `.mlpackage`.
        public let file: String
        public let signature: Signature
        /// SHA-256 of each of its files by path in the bundle.
        public let hashes: [String: String]
    }

    public let name: String
    public let files: [String: Listed]
    public let models: [Model]
    /// The least PSNR in dB, peak 255, by target, of what a file makes of the golden photograph.
    public let leastPSNR: [String: Double]

    /// Reads the text of a manifest.
    ///
    /// - Parameter called: how messages name the bundle.
    /// - Throws: `StyleError` where it cannot be read, is of another format, or is not as it was written.
    public init(data: Data, called: String) throws {
        guard let text = String(validating: data),
            let document = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { throw StyleError.manifestDamaged(name: called, why: "its manifest cannot be read") }
        // First of all: what another format is sealed like is not known here.
        let found = document["format"] as? Int ?? 0
        guard found == Manifest.format else {
            throw StyleError.otherVersion(name: called, found: found, known: Manifest.format)
        }
        guard let digest = document["digest"] as? String, Manifest.digest(of: text, written: digest) == digest else {
            throw StyleError.manifestDamaged(name: called, why: "its digest does not fit")
        }
        do {
            self = try JSONDecoder().decode(Manifest.self, from: data)
        } catch {
            throw StyleError.manifestDamaged(name: called, why: "its manifest is malformed")
        }
        try check(called: called)
    }

    /// The same with one of its models alone: to run a file that would not be chosen.
    public func only(_ model: Model) -> Manifest { Manifest(name: name, files: files, models: [model], leastPSNR: leastPSNR) }

    private init(name: String, files: [String: Listed], models: [Model], leastPSNR: [String: Double]) {
        (self.name, self.files, self.models, self.leastPSNR) = (name, files, models, leastPSNR)
    }

    /// SHA-256 of the text with an empty digest, as the pipeline seals it.
    private static func digest(of text: String, written: String) -> String? {
        guard let place = text.range(of: "\"digest\": \"\(written)\"", options: .literal) else { return nil }
        return Fingerprint.sha256(of: Data(text.replacingCharacters(in: place, with: "\"digest\": \"\"").utf8))
    }

    private func check(called: String) throws {
        func damaged(_ why: String) -> StyleError { .manifestDamaged(name: called, why: why) }
        for path in Set(files.keys).union(models.map(\.file)) where !Manifest.isInside(path) {
            throw damaged("its manifest names a file outside of it, \(path)")
        }
        guard !models.isEmpty else { throw damaged("its manifest lists no model") }
        for model in models {
            guard !model.hashes.isEmpty else { throw damaged("its manifest gives no hash for \(model.file)") }
            for (path, hash) in model.hashes {
                guard path == model.file || path.hasPrefix(model.file + "/"), files[path]?.sha256 == hash else {
                    throw damaged("its manifest contradicts itself about \(model.file)")
                }
            }
        }
    }

    /// Whether a path stays in the bundle's folder on every system.
    static func isInside(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return !path.contains("\\") && !path.contains("\0") && parts.allSatisfy { !["", ".", ".."].contains($0) }
    }
}

extension Manifest: Decodable {
    private enum Keys: String, CodingKey {
        case name, files, models
        case leastPSNR = "min_psnr"
    }

    public init(from decoder: any Decoder) throws {
        let box = try decoder.container(keyedBy: Keys.self)
        name = try box.decode(String.self, forKey: .name)
        files = try box.decode([String: Listed].self, forKey: .files)
        models = try box.decode([Model].self, forKey: .models)
        leastPSNR = try box.decode([String: Double].self, forKey: .leastPSNR)
    }
}

extension Manifest.Model: Decodable {
    private enum Keys: String, CodingKey {
        case target, file, signature, sha256
    }

    public init(from decoder: any Decoder) throws {
        let box = try decoder.container(keyedBy: Keys.self)
        target = try box.decode(String.self, forKey: .target)
        file = try box.decode(String.self, forKey: .file)
        hashes = try box.decode([String: String].self, forKey: .sha256)
        let found = try box.decode(Signature.self, forKey: .signature)
        signature = target.hasPrefix("mlpackage") || target.hasPrefix("mlmodel") ? found : found.asArrays(of: target)
    }
}

extension Signature {
    /// Manifests of older bundles describe arrays as images; what type they have, the target says.
    fileprivate func asArrays(of target: String) -> Signature {
        func array(_ port: ModelPort) -> ModelPort {
            guard port.kind == .image, let size = port.size else { return port }
            var port = port
            (port.kind, port.layout, port.shape) = (.tensor, "NHWC", [1, size.height, size.width, 3])
            port.dtype = target == "tflite-int8" ? "uint8" : "float32"
            return port
        }
        return Signature(inputs: inputs.map(array), outputs: outputs.map(array))
    }
}

extension String {
    /// The text of `data`, `nil` unless all of it is UTF-8.
    fileprivate init?(validating data: Data) {
        guard let text = String(data: data, encoding: .utf8), text.utf8.count == data.count else { return nil }
        self = text
    }
}
