#if canImport(CoreML) && canImport(CoreVideo)
import CoreML
import StyleKit
import TestSupport
import XCTest

/// Every committed Core ML file on Apple's own runtime, against the bundle's golden picture, within the manifest's
/// tolerance. Runs where Core ML is: on a Mac and in a simulator.
final class CoreMLTests: XCTestCase {
    func testEveryCommittedFileGivesItsGoldenPicture() async throws {
        let compiled = CompiledModels(folder: try scratch()) { try await MLModel.compileModel(at: $0) }
        let make = PictureEngine.make(CoreMLEngine.make(compiled))
        var compared = 0
        for bundle in try Repository.bundles() {
            for model in bundle.manifest.models where model.target.hasPrefix("ml") {
                guard try model.signature.role(of: model.file) == .style else { continue }
                // The processor alone: the simulator has no Neural Engine, and a runner's GPU is not a phone's.
                let device = Device(system: 18, isSimulator: true)
                let attempts = try Choice(bundle: bundle.manifest.only(model), device: device).attempts
                let engine = try await make(bundle, attempts[0])
                let golden = bundle.folder.appendingPathComponent("golden")
                let found = try await engine.stylize(try PNG.read(golden.appendingPathComponent("photo.png")))
                let expected = try PNG.read(golden.appendingPathComponent("float.png"))
                let ratio = psnr(found, expected), least = try XCTUnwrap(bundle.manifest.leastPSNR[model.target])
                print("\(model.file) on Core ML: \(ratio) dB, \(least) dB needed")
                XCTAssertGreaterThanOrEqual(ratio, least, model.file)
                compared += 1
            }
        }
        XCTAssertGreaterThan(compared, 0)
    }

    func testAPictureGoesThroughAPixelBufferUnchanged() throws {
        let pool = try PixelImagePool(size: PixelSize(width: 37, height: 21))
        let image = try pool.image(), source = picture(5, width: 37, height: 21)
        try image.write(source)
        XCTAssertEqual(try image.picture(), source)
        XCTAssertFalse(image.isFlat)
        XCTAssertThrowsError(try image.write(picture()))
    }

    func testAModelOfAnotherSizeIsRefused() async throws {
        let bundle = try XCTUnwrap(try Repository.bundles().first)
        let model = try XCTUnwrap(bundle.manifest.models.first { $0.file.hasSuffix(".mlmodel") })
        let compiled = try await MLModel.compileModel(at: bundle.url(of: model))
        defer { try? FileManager.default.removeItem(at: compiled) }
        var signature = model.signature
        signature.inputs[0].shape = [1, 3, 32, 32]
        let loaded = try MLModel(contentsOf: compiled)
        XCTAssertThrowsError(try CoreMLEngine(model: loaded, signature: signature, file: model.file)) {
            XCTAssert(StyleError.message(of: $0).contains("32 x 32"), "\($0)")
        }
    }

    #if canImport(ImageIO)
    func testAPhotographIsReadAndWrittenWithItsColours() throws {
        let source = try PNG.read(Repository.vectors.appendingPathComponent("pictures/numbered.png"))
        XCTAssertEqual(try Picture(imageFile: source.file()), source)
        XCTAssertThrowsError(try Picture(imageFile: Data("no image".utf8)))
    }
    #endif

    #if canImport(CoreImage)
    func testACameraFrameKeepsItsMiddleAndItsUpperSide() throws {
        // Red above, blue below: turned over or off the middle, the corners would say so.
        let frame = try PixelImagePool(size: PixelSize(width: 64, height: 128)).image()
        var source = Picture(width: 64, height: 128)
        for y in 0..<128 { for x in 0..<64 { source.bytes[(y * 64 + x) * 3 + (y < 64 ? 0 : 2)] = 255 } }
        try frame.write(source)
        let fitted = try FrameScaler(size: PixelSize(width: 32, height: 32)).fitted(frame).picture()
        XCTAssertEqual(fitted.size, PixelSize(width: 32, height: 32))
        XCTAssertGreaterThan(fitted.bytes[0], 250)
        XCTAssertLessThan(fitted.bytes[2], 5)
        XCTAssertGreaterThan(fitted.bytes[fitted.bytes.count - 1], 250)
    }
    #endif
}
#endif
