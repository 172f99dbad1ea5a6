#if os(Linux) || os(macOS)
import Foundation
import StyleKit

/// Runs a Core ML file through `export-pipeline predict`, the pipeline's own emulator: the file itself, where there is
/// no Core ML. A process for each run, so it is for tests.
public struct EmulatorEngine: Engine {
    public typealias Image = Picture

    public let signature: Signature
    private let model: URL

    public init(bundle: StyleBundle, model: Manifest.Model) {
        (signature, self.model) = (model.signature, bundle.url(of: model))
    }

    /// Makes an engine of an attempt, whatever its units: the emulator knows none.
    public static let make: EngineMaker<Picture> = { EmulatorEngine(bundle: $0, model: $1.model) }

    public func run(_ inputs: [String: Value<Picture>]) async throws -> [String: Value<Picture>] {
        guard try signature.role(of: model.lastPathComponent) == .style, let output = signature.outputs.first else {
            throw failure("only files that make a picture of a picture are run here")
        }
        let folder = try Repository.scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = folder.appendingPathComponent("out.png")
        var arguments = ["predict", model.path, "-o", result.path]
        for (name, value) in inputs {
            guard case .picture(let picture) = value else { throw failure("only pictures are taken here") }
            // The command would resize it, and the test would not see that the library has not.
            guard signature.inputs.contains(where: { $0.name == name && $0.size == picture.size }) else {
                throw failure("“\(name)” is given \(picture.width) x \(picture.height) pixels")
            }
            let file = folder.appendingPathComponent("\(name).png")
            try PNG.encoded(picture).write(to: file)
            arguments += ["--input", "\(name)=\(file.path)"]
        }
        try await call(arguments, in: folder)
        return [output.name: .picture(try PNG.read(result))]
    }

    private func call(_ arguments: [String], in folder: URL) async throws {
        let said = folder.appendingPathComponent("said.txt")
        try Data().write(to: said)
        let process = Process()
        process.executableURL = Repository.root.appendingPathComponent("ios_demo/tools/export-pipeline")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: said)
        // Waiting on the process itself would spin a run loop, and take its time from the model.
        let status = try await withCheckedThrowingContinuation { (done: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        guard status == 0 else {
            throw failure(try String(contentsOf: said, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    private func failure(_ why: String) -> StyleError { .modelFailed(file: model.lastPathComponent, why: why) }
}
#endif
