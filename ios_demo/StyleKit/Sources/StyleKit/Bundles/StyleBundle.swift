import Foundation

/// A bundle in the app: its folder, and its manifest, read strictly. The model files are looked at when one is checked.
public struct StyleBundle: Sendable, Equatable {
    public let folder: URL
    public let manifest: Manifest
    /// Models that Xcode compiled when the app was built, by the file that they were made of. They need no such file, and
    /// the app's own code signature vouches for their bytes.
    public private(set) var compiled: [String: URL] = [:]

    public var name: String { manifest.name }

    /// The name as people read it: `starry_night_small` is `Starry night small`.
    public var title: String {
        let words = name.replacingOccurrences(of: "_", with: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    /// Reads the manifest in `folder`.
    ///
    /// - Throws: `StyleError`, which names the folder.
    public init(folder: URL) throws {
        let called = folder.lastPathComponent
        guard let data = try? Data(contentsOf: folder.appendingPathComponent(Manifest.file)) else {
            throw StyleError.bundleMissing(name: called)
        }
        self.folder = folder
        manifest = try Manifest(data: data, called: called)
    }

    /// Compares every byte of one model file with the manifest, unless it was compiled when the app was built.
    ///
    /// - Throws: `StyleError.fileMissing` or `.fileChanged`, which names the file.
    public func check(_ model: Manifest.Model) throws {
        if compiled[model.file] != nil { return }
        for (path, hash) in model.hashes.sorted(by: { $0.key < $1.key }) {
            let file = folder.appendingPathComponent(path)
            guard FileManager.default.fileExists(atPath: file.path) else {
                throw StyleError.fileMissing(name: name, file: path)
            }
            guard try Fingerprint.sha256(of: file) == hash else { throw StyleError.fileChanged(name: name, file: path) }
        }
    }

    /// The bundle with those of its models that lie in `folder`, such as an app's own, as `<name>.mlmodelc`.
    public func withCompiledModels(in folder: URL) -> StyleBundle {
        var found = self
        for model in manifest.models where model.target.hasPrefix("ml") {
            let stem = URL(fileURLWithPath: model.file).deletingPathExtension().lastPathComponent
            let place = folder.appendingPathComponent("\(stem).mlmodelc", isDirectory: true)
            if isFolder(place) { found.compiled[model.file] = place }
        }
        return found
    }

    /// Where a model file lies.
    public func url(of model: Manifest.Model) -> URL { folder.appendingPathComponent(model.file) }

    /// One string that stands for the bytes of a model file: a compiled copy is kept under it.
    public static func fingerprint(of model: Manifest.Model) -> String {
        let lines = model.hashes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
        return Fingerprint.sha256(of: Data(lines.utf8))
    }
}

/// The styles of an app: every folder in one folder that is a bundle, and what is wrong with those that are none.
public struct StyleList: Sendable {
    public private(set) var bundles: [StyleBundle] = []
    /// A sentence for each bundle that cannot be used.
    public private(set) var problems: [String] = []

    /// Those that paint a picture of a picture, which is what the screens offer; a bundle may hold other files.
    public var styles: [StyleBundle] {
        bundles.filter { bundle in
            bundle.manifest.models.contains { (try? $0.signature.role(of: $0.file)) == .style }
        }
    }

    /// Reads the bundles in `folder`, in the order of their names.
    public init(folder: URL) {
        let found = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        let folders = (found ?? []).filter { $0.hasDirectoryPath || isFolder($0) }
        for folder in folders.sorted(by: { $0.lastPathComponent < $1.lastPathComponent })
        where !folder.lastPathComponent.hasPrefix(".") {
            do {
                bundles.append(try StyleBundle(folder: folder))
            } catch {
                problems.append(StyleError.message(of: error))
            }
        }
        if bundles.isEmpty && problems.isEmpty { problems.append("There are no styles in this app. Install it again.") }
    }
}

private func isFolder(_ url: URL) -> Bool {
    var folder: ObjCBool = false
    return FileManager.default.fileExists(atPath: url.path, isDirectory: &folder) && folder.boolValue
}
