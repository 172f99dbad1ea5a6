import StyleKit
import XCTest

/// The camera's screen, with a camera that is made up.
@MainActor
final class CameraTests: XCTestCase {
    /// Gives the frames that a test hands it.
    private final class Film: FrameSource, @unchecked Sendable {
        typealias Image = Picture

        private let lock = NSLock()
        private var give: (@Sendable (Picture) -> Void)?
        private let failure: StyleError?
        let starts = Counter()

        init(failure: StyleError? = nil) { self.failure = failure }

        var isOn: Bool { lock.withLock { give != nil } }

        func start(_ give: @escaping @Sendable (Picture) -> Void) async throws {
            starts.add()
            if let failure { throw failure }
            lock.withLock { self.give = give }
        }

        func stop() async { lock.withLock { give = nil } }

        func send(_ picture: Picture) { lock.withLock { give }?(picture) }
    }

    private func session(
        _ film: Film, styles: [String] = ["dots"], body: @escaping @Sendable (Picture) async throws -> Picture
    ) throws -> CameraSession<Picture> {
        let folder = try scratch(), ticks = Counter()
        for name in styles { _ = try Sealed.bundle(in: folder, name: name) }
        return CameraSession(
            list: StyleList(folder: folder), device: Device(system: 17), source: film,
            make: { _, _ in ClosureEngine(body: body) }, fit: { $0.fitted(to: $1) }, isFlat: { $0.isFlat },
            clock: { Double(ticks.add()) / 10 })
    }

    private func waitUntil(_ isTrue: @MainActor () -> Bool) async {
        for _ in 0..<100_000 where !isTrue() { await Task.yield() }
        XCTAssertTrue(isTrue(), "it never came to that")
    }

    func testFramesAreFittedStylizedAndCounted() async throws {
        let film = Film()
        let camera = try session(film) { $0.inverted }
        camera.start()
        await camera.settled()
        for index in 1...3 {
            film.send(picture(index, width: 40, height: 30))
            await waitUntil { camera.counts.delivered == index }
        }
        XCTAssertEqual(camera.shown, picture(3, width: 40, height: 30).fitted(to: PixelSize(width: 16, height: 16)).inverted)
        XCTAssertEqual(try XCTUnwrap(camera.fps), 10, accuracy: 1e-9)
        XCTAssertNil(camera.message)
        XCTAssertEqual(camera.status?.attempt.units, .all)
        camera.stop()
        await camera.settled()
        XCTAssertFalse(film.isOn)
        XCTAssertNil(camera.fps)
        XCTAssertNotNil(camera.shown, "the last picture stays")
    }

    func testNoCameraIsOneSentence() async throws {
        let camera = try session(Film(failure: .cameraUnavailable(why: "this device has none"))) { $0 }
        camera.start()
        await camera.settled()
        XCTAssertEqual(camera.message, "The camera cannot be used: this device has none.")
        XCTAssertFalse(camera.isRunning)
        camera.start()
        XCTAssertNil(camera.message, "one may try again")
    }

    func testADamagedStyleNeverStartsTheCamera() async throws {
        let film = Film()
        let camera = try session(film) { $0 }
        let bundle = camera.styles[0]
        try Data("mocel".utf8).write(to: bundle.url(of: bundle.manifest.models[0]))
        camera.start()
        await camera.settled()
        XCTAssertEqual(camera.message?.hasPrefix("The style “dots” is damaged"), true, camera.message ?? "nothing")
        XCTAssertEqual(film.starts.value, 0)
        XCTAssertFalse(camera.isRunning)
    }

    func testAnotherStyleTakesOverAndHurriedTapsEndWell() async throws {
        let film = Film()
        let camera = try session(film, styles: ["dots", "lines", "waves"]) { $0 }
        camera.start()
        for index in [1, 2, 0, 1, 2] { camera.select(index) }
        await camera.settled()
        XCTAssertTrue(camera.isRunning && film.isOn)
        film.send(picture(1))
        await waitUntil { camera.shown != nil }
        XCTAssertEqual(camera.status?.attempt.model.file, "waves-int8.mlmodel")
        camera.stop()
        camera.start()
        camera.stop()
        await camera.settled()
        XCTAssertFalse(camera.isRunning || film.isOn)
    }

    func testACoveredLensIsNoFaultOfTheChip() async throws {
        let film = Film()
        let camera = try session(film) { $0 }
        camera.start()
        await camera.settled()
        film.send(Picture(width: 16, height: 16))
        await waitUntil { camera.shown != nil }
        XCTAssertEqual(camera.status?.attempt.units, .all)
        XCTAssertEqual(camera.status?.fallbacks, [])
    }

    func testAFrameThatFailsIsSaidAndTheNextOneIsShown() async throws {
        let film = Film()
        let camera = try session(film) { frame in
            if number(of: frame) == 1 { throw StyleError.modelFailed(file: "dots", why: "tried") }
            return frame
        }
        camera.start()
        await camera.settled()
        film.send(picture(1))
        await waitUntil { camera.message != nil }
        XCTAssertEqual(camera.message, "dots could not be run: tried.")
        film.send(picture(2))
        await waitUntil { camera.shown != nil }
        XCTAssertNil(camera.message)
    }
}
