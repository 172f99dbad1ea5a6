import Foundation
import StyleKit

/// The checkout that the tests lie in.
public enum Repository {
    public static let root = (0..<5).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
    public static let artifacts = root.appendingPathComponent("artifacts")
    public static let vectors = root.appendingPathComponent("tests/apps/vectors")

    /// Every committed bundle that paints, by name: of others, such as a segmentation's, no picture is golden.
    public static func bundles() throws -> [StyleBundle] {
        let found = try FileManager.default.contentsOfDirectory(at: artifacts, includingPropertiesForKeys: nil)
        return try found.filter {
            !$0.lastPathComponent.hasPrefix(".") && $0.lastPathComponent != "demo"
                && FileManager.default.fileExists(atPath: $0.appendingPathComponent(Manifest.file).path)
                && FileManager.default.fileExists(atPath: $0.appendingPathComponent("golden/float.png").path)
        }.sorted { $0.path < $1.path }.map { try StyleBundle(folder: $0) }
    }

    /// Vectors that both apps' tests read.
    public static func vectors<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(contentsOf: vectors.appendingPathComponent(name)))
    }

    /// A new empty folder, deleted by the caller.
    public static func scratch() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("stylekit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Adds a line to the file that `STYLEKIT_RESULTS` names, if it names one: what the count at the end is made of.
    public static func record(_ line: String) throws {
        guard let path = ProcessInfo.processInfo.environment["STYLEKIT_RESULTS"] else { return }
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data((line + "\n").utf8))
        try handle.close()
    }
}
