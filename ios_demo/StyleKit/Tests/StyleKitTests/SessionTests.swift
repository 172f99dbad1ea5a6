import StyleKit
import TestSupport
import XCTest

/// What the screens show: results, one sentence for whatever is wrong, and never a freeze.
@MainActor
final class SessionTests: XCTestCase {
    private func session(_ folder: URL, body: @escaping @Sendable (Picture) async throws -> Picture) -> PhotoSession {
        PhotoSession(list: StyleList(folder: folder), device: Device(system: 17)) { _, _ in ClosureEngine(body: body) }
    }

    func testPicksStylizesAndSaysWhatRan() async throws {
        let folder = try scratch()
        _ = try Sealed.bundle(in: folder, name: "dots")
        _ = try Sealed.bundle(in: folder, name: "starry_lines")
        let session = session(folder) { $0.inverted }
        XCTAssertEqual(session.styles.map(\.title), ["Dots", "Starry lines"])
        session.open { picture(5) }
        XCTAssertTrue(session.isBusy)
        await session.finished()
        XCTAssertEqual(session.original, picture(5))
        XCTAssertEqual(session.result, picture(5).inverted)
        XCTAssertNil(session.message)
        XCTAssertFalse(session.isBusy)
        XCTAssertEqual(session.status?.attempt.model.file, "dots-int8.mlmodel")
        session.select(named: "starry_lines")
        await session.finished()
        XCTAssertEqual(session.status?.attempt.model.file, "starry_lines-int8.mlmodel")
        session.select(named: "no such style")
        XCTAssertEqual(session.selected, 1)
    }

    func testAWholePhotographKeepsItsSizeAndReportsProgress() async throws {
        let folder = try scratch()
        _ = try Sealed.bundle(in: folder)
        let session = session(folder) { $0.inverted }
        session.isWhole = true
        let photo = picture(0, width: 40, height: 50)
        session.open { photo }
        await session.finished()
        XCTAssertEqual(session.result, photo.inverted)
        for _ in 0..<100 where session.progress < 1 { await Task.yield() }
        XCTAssertEqual(session.progress, 1)
    }

    func testTheScreenLivesWhileTheModelRuns() async throws {
        let folder = try scratch()
        _ = try Sealed.bundle(in: folder)
        let isFree = Counter()
        // The model ends only when the main thread has done something else in the meantime.
        let session = session(folder) { frame in
            while isFree.value == 0 {
                try Task.checkCancellation()
                await Task.yield()
            }
            return frame
        }
        session.open { picture() }
        await Task { @MainActor in _ = isFree.add() }.value
        await session.finished()
        XCTAssertNotNil(session.result)
    }

    func testCancelAndANewChoiceDropTheOldResult() async throws {
        let folder = try scratch()
        _ = try Sealed.bundle(in: folder)
        let started = Counter()
        let session = session(folder) { frame in
            started.add()
            if number(of: frame) == 1 { try await Task.sleep(nanoseconds: 60_000_000_000) }
            return frame
        }
        session.open { picture(1) }
        while started.value == 0 { await Task.yield() }
        session.cancel()
        XCTAssertFalse(session.isBusy)
        XCTAssertNil(session.message, "to stop is no fault")
        session.open { picture(1) }
        session.open { picture(2) }
        await session.finished()
        XCTAssertEqual(session.result, picture(2))
        XCTAssertNil(session.message)
    }

    func testOneByteChangedIsOneSentence() async throws {
        let folder = try scratch()
        let bundle = try Sealed.bundle(in: folder)
        try Data("mocel".utf8).write(to: bundle.url(of: bundle.manifest.models[0]))
        await expect(
            "The style “dots” is damaged: dots-int8.mlmodel is not the file that was built. Install the app again.",
            in: folder)
    }

    func testAMissingFileIsOneSentence() async throws {
        let folder = try scratch()
        let bundle = try Sealed.bundle(in: folder)
        try FileManager.default.removeItem(at: bundle.url(of: bundle.manifest.models[0]))
        await expect("The style “dots” lacks its file dots-int8.mlmodel. Install the app again.", in: folder)
    }

    func testAManifestOfAnotherVersionIsOneSentence() async throws {
        let folder = try scratch()
        try FileManager.default.copyItem(
            at: Repository.vectors.appendingPathComponent("manifests/other_version"),
            to: folder.appendingPathComponent("dots"))
        await expect("The style “dots” has format 2, and this app reads format 1. Update the app.", in: folder)
    }

    func testAnAppWithoutStylesIsOneSentence() async throws {
        await expect("There are no styles in this app. Install it again.", in: try scratch())
    }

    /// Opens a photograph with the styles in `folder`: the screen shows `message`, and no picture.
    private func expect(_ message: String, in folder: URL) async {
        let session = session(folder) { $0 }
        if !session.styles.isEmpty {
            session.open { picture() }
            await session.finished()
        }
        XCTAssertEqual(session.message, message)
        XCTAssertNil(session.result)
        XCTAssertFalse(session.isBusy)
    }

    func testAPictureThatCannotBeReadAndOneThatCannotBeSaved() async throws {
        let folder = try scratch()
        _ = try Sealed.bundle(in: folder)
        let session = session(folder) { $0 }
        session.open { throw StyleError.pictureUnusable(why: "it is no image") }
        await session.finished()
        XCTAssertEqual(session.message, "This picture cannot be used: it is no image. Choose another one.")
        session.dismissMessage()
        XCTAssertNil(session.message)
        session.show(StyleError.notSaved(why: "the app may not add photographs"))
        XCTAssertEqual(session.message, "The picture could not be saved: the app may not add photographs.")
    }

    func testAMemoryWarningDropsTheModelAndTheNextPictureLoadsIt() async throws {
        let folder = try scratch(), made = Counter()
        _ = try Sealed.bundle(in: folder)
        let session = PhotoSession(list: StyleList(folder: folder), device: Device(system: 17)) { _, _ in
            made.add()
            return ClosureEngine { $0.inverted }
        }
        session.open { picture(1) }
        await session.finished()
        await session.drop()
        XCTAssertNotNil(session.result, "what is shown stays")
        session.stylize()
        await session.finished()
        XCTAssertEqual(made.value, 2)
        XCTAssertEqual(session.result, picture(1).inverted)
    }

    func testTheBenchmarkTimesEveryUnitAndNamesWhatFails() async throws {
        let folder = try scratch()
        let bundles = [try Sealed.bundle(in: folder, name: "dots"), try Sealed.bundle(in: folder, name: "lines")]
        try FileManager.default.removeItem(at: bundles[1].url(of: bundles[1].manifest.models[0]))
        let benchmark = BenchmarkSession(styles: bundles, device: Device(system: 17)) { _, _ in ClosureEngine { $0 } }
        benchmark.start()
        await benchmark.finished()
        XCTAssertEqual(benchmark.rows.map(\.attempt.units), [.all, .cpuAndGPU, .cpuOnly])
        XCTAssertEqual(benchmark.rows.map(\.timing.runs), [30, 30, 30])
        XCTAssertEqual(benchmark.problems.count, 1)
        XCTAssertEqual(benchmark.progress, 1)
        let records = benchmark.records(on: .init(processor: "iPhone15,2", cores: 6, system: "iOS 17.4"))
        XCTAssertEqual(records.map(\.name), ["dots"])
        let runtimes = ["Core ML, Neural Engine, GPU and CPU", "Core ML, GPU and CPU", "Core ML, CPU"]
        XCTAssertEqual(records[0].rows.map(\.runtime), runtimes)
        XCTAssertEqual(records[0].rows[0].size, PixelSize(width: 16, height: 16))
    }
}
