import Foundation
import StyleKit
import TestSupport
import XCTest

/// Bundles made for a test.
enum Sealed {
    static let port = """
        {"color": "RGB", "height": 16, "high": 255.0, "input_name": "image", "low": 0.0, "output_name": "stylized", \
        "width": 16}
        """

    /// A manifest of files that need not be there.
    static func manifest(targets: [String]) throws -> Manifest {
        try Manifest(data: text(files: targets.map { ($0, "dots-\($0)", Data($0.utf8)) }), called: "dots")
    }

    /// A bundle of one `.mlmodel` file in `folder`.
    static func bundle(in folder: URL, name: String = "dots", content: String = "model") throws -> StyleBundle {
        let place = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try Data(content.utf8).write(to: place.appendingPathComponent("\(name)-int8.mlmodel"))
        let manifest = try text(name: name, files: [("mlmodel-int8", "\(name)-int8.mlmodel", Data(content.utf8))])
        try manifest.write(to: place.appendingPathComponent(Manifest.file))
        return try StyleBundle(folder: place)
    }

    static func text(name: String = "dots", files: [(target: String, file: String, content: Data)]) throws -> Data {
        let listed = files.map {
            "\"\($0.file)\": {\"bytes\": \($0.content.count), \"sha256\": \"\(Fingerprint.sha256(of: $0.content))\"}"
        }
        let models = files.map {
            """
            {"target": "\($0.target)", "file": "\($0.file)", "signature": \(port), \
            "sha256": {"\($0.file)": "\(Fingerprint.sha256(of: $0.content))"}}
            """
        }
        let blank = """
            {"digest": "", "files": {\(listed.joined(separator: ", "))}, "format": 1, "min_psnr": {}, \
            "models": [\(models.joined(separator: ", "))], "name": "\(name)"}
            """
        let digest = Fingerprint.sha256(of: Data(blank.utf8))
        // Without models there is nothing to choose from, which a bundle on disk cannot be.
        return Data(blank.replacingOccurrences(of: "\"digest\": \"\"", with: "\"digest\": \"\(digest)\"").utf8)
    }
}

/// What stands on a screen is one line, begins with a capital or a quotation mark, and ends with a full stop.
func assertIsOneSentence(_ message: String, file: StaticString = #filePath, line: UInt = #line) {
    XCTAssertFalse(message.contains("\n"), message, file: file, line: line)
    XCTAssert(message.hasSuffix(".") && !message.hasSuffix(".."), message, file: file, line: line)
    XCTAssertFalse(message.contains("Optional("), message, file: file, line: line)
}
