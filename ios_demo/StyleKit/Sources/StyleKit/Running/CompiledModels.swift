import Foundation

/// Compiled models, each kept once: the compiler writes into tmp, where a copy from every start would pile up.
///
/// A compiled model is a folder `<fingerprint>.mlmodelc`, where the fingerprint stands for the bytes of the file that
/// it was compiled from. A changed file is compiled anew; what no bundle of the app needs any more is deleted.
public actor CompiledModels {
    /// Compiles the file at a URL and returns where the result lies, which is moved from there.
    public typealias Compiler = @Sendable (URL) async throws -> URL

    private let folder: URL
    private let compiler: Compiler
    private var running: [String: Task<URL, any Error>] = [:]

    /// - Parameter folder: where compiled models are kept; made when it is missing.
    public init(folder: URL, compiler: @escaping Compiler) {
        (self.folder, self.compiler) = (folder, compiler)
    }

    /// The compiled form of a bundle's file, which has been checked: what was compiled when the app was built, else what
    /// is kept here, else compiled now. Two callers at once compile it once.
    ///
    /// - Throws: `StyleError.modelFailed` where it cannot be compiled or kept.
    public func compiled(_ model: Manifest.Model, of bundle: StyleBundle) async throws -> URL {
        if let builtIn = bundle.compiled[model.file] { return builtIn }
        let name = StyleBundle.fingerprint(of: model)
        if let task = running[name] { return try await task.value }
        let kept = folder.appendingPathComponent("\(name).mlmodelc", isDirectory: true)
        if FileManager.default.fileExists(atPath: kept.path) { return kept }
        let (folder, compiler, source) = (folder, compiler, bundle.url(of: model))
        let task = Task {
            do {
                let made = try await compiler(source)
                defer { try? FileManager.default.removeItem(at: made) }
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                // On the disk of tmp first, then renamed: a folder under its final name is whole.
                let aside = folder.appendingPathComponent(".\(UUID().uuidString)")
                defer { try? FileManager.default.removeItem(at: aside) }
                try FileManager.default.moveItem(at: made, to: aside)
                try FileManager.default.moveItem(at: aside, to: kept)
                return kept
            } catch {
                throw StyleError.modelFailed(file: model.file, why: "it cannot be compiled: \(error.localizedDescription)")
            }
        }
        running[name] = task
        defer { running[name] = nil }
        return try await task.value
    }

    /// Forgets one compiled model, which could not be loaded; it is compiled anew when it is asked for.
    public func forget(_ model: Manifest.Model) {
        let name = StyleBundle.fingerprint(of: model)
        try? FileManager.default.removeItem(at: folder.appendingPathComponent("\(name).mlmodelc"))
    }

    /// Deletes what none of these bundles needs.
    public func sweep(keeping bundles: [StyleBundle]) {
        let needed = Set(bundles.flatMap { $0.manifest.models.map { "\(StyleBundle.fingerprint(of: $0)).mlmodelc" } })
        let found = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        for entry in found ?? [] where !needed.contains(entry.lastPathComponent) {
            try? FileManager.default.removeItem(at: entry)
        }
    }
}
