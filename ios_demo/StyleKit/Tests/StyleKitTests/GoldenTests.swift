#if os(Linux) || os(macOS)
import StyleKit
import TestSupport
import XCTest

/// Every committed Core ML file, run through the pipeline's emulator by way of the library, against the bundle's golden
/// picture. The tolerance is the manifest's.
final class GoldenTests: XCTestCase {
    private func isCoreML(_ file: String) -> Bool { file.hasSuffix(".mlpackage") || file.hasSuffix(".mlmodel") }

    func testEveryCommittedFileGivesItsGoldenPicture() async throws {
        var compared = 0
        for bundle in try Repository.bundles() {
            let golden = bundle.folder.appendingPathComponent("golden")
            for model in bundle.manifest.models where isCoreML(model.file) {
                guard try model.signature.role(of: model.file) == .style else {
                    try Repository.record("skipped \(model.file) is no file from one picture to one picture")
                    continue
                }
                try bundle.check(model)
                let photo = try PNG.read(golden.appendingPathComponent("photo.png"))
                let expected = try PNG.read(golden.appendingPathComponent("float.png"))
                XCTAssertEqual(photo.size, model.signature.inputs[0].size)
                let found = try await EmulatorEngine(bundle: bundle, model: model).stylize(photo)
                let least = try XCTUnwrap(bundle.manifest.leastPSNR[model.target], "no tolerance for \(model.target)")
                let ratio = psnr(found, expected)
                print("\(model.file): \(String(format: "%.2f", ratio)) dB, \(least) dB needed")
                XCTAssertGreaterThanOrEqual(ratio, least, model.file)
                XCTAssertLessThan(psnr(photo, expected), least, "the photograph itself would pass")
                try Repository.record("golden \(String(format: "%.2f", ratio)) \(least) \(model.file)")
                compared += 1
            }
        }
        XCTAssertGreaterThan(compared, 0)
    }

    func testNoCommittedFileIsLeftOut() throws {
        for bundle in try Repository.bundles() {
            let lying = try FileManager.default.contentsOfDirectory(atPath: bundle.folder.path).filter(isCoreML)
            XCTAssertEqual(Set(lying), Set(bundle.manifest.models.map(\.file).filter(isCoreML)), bundle.name)
            XCTAssertFalse(lying.isEmpty, bundle.name)
        }
    }

    func testADamagedFileIsOneSentence() async throws {
        let bundle = try XCTUnwrap(try Repository.bundles().first)
        let folder = try Repository.scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let copy = folder.appendingPathComponent(bundle.name)
        try FileManager.default.copyItem(at: bundle.folder, to: copy)
        let model = try XCTUnwrap(bundle.manifest.models.first { $0.file.hasSuffix(".mlmodel") })
        try Data("no model".utf8).write(to: copy.appendingPathComponent(model.file))
        let engine = EmulatorEngine(bundle: try StyleBundle(folder: copy), model: model)
        let photo = Picture(width: 480, height: 640)
        do {
            _ = try await engine.stylize(photo)
            XCTFail("a file of eight letters was run")
        } catch let error as StyleError {
            XCTAssertTrue(error.message.contains(model.file), error.message)
        }
    }
}
#endif
