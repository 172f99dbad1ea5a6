import StyleKit
import XCTest

/// Loading, falling back, tiles, timing, and compiled models.
final class StylizerTests: XCTestCase {
    private let device = Device(system: 17)

    func testLoadsOnceForCallersAtOnceAndAgainAfterADrop() async throws {
        let bundle = try Sealed.bundle(in: scratch()), made = Counter()
        let stylizer = try Stylizer<Picture>(bundle: bundle, device: device) { _, _ in
            made.add()
            await Task.yield()
            return ClosureEngine { $0.inverted }
        }
        XCTAssertEqual(stylizer.size, PixelSize(width: 16, height: 16))
        try await withThrowingTaskGroup(of: Picture.self) { group in
            for _ in 0..<8 { group.addTask { try await stylizer.stylize(picture()) } }
            for try await result in group { XCTAssertEqual(result, picture().inverted) }
        }
        XCTAssertEqual(made.value, 1)
        await stylizer.drop()
        let dropped = await stylizer.status
        XCTAssertNil(dropped)
        _ = try await stylizer.stylize(picture())
        XCTAssertEqual(made.value, 2)
    }

    func testFallsBackWhereUnitsFailAndSaysSo() async throws {
        let bundle = try Sealed.bundle(in: scratch()), tried = Notes<Units>()
        let stylizer = try Stylizer<Picture>(bundle: bundle, device: device) { _, attempt in
            tried.add(attempt.units)
            if attempt.units == .all { throw StyleError.modelFailed(file: "dots", why: "no such chip") }
            let flat = attempt.units == .cpuAndGPU
            return ClosureEngine { flat ? Picture(width: 16, height: 16) : $0.inverted }
        }
        let result = try await stylizer.stylize(photo: picture(), whole: false)
        XCTAssertEqual(result, picture().inverted)
        XCTAssertEqual(tried.all, [.all, .cpuAndGPU, .cpuOnly])
        let found = await stylizer.status
        let status = try XCTUnwrap(found)
        XCTAssertEqual(status.attempt.units, .cpuOnly)
        XCTAssertEqual(status.fallbacks.count, 2)
        XCTAssert(status.fallbacks[0].contains("no such chip") && status.fallbacks[1].contains("flat"), "\(status)")
        _ = try await stylizer.stylize(photo: picture(), whole: false)
        XCTAssertEqual(tried.all.count, 3, "what was found is kept")
    }

    func testWhenAllUnitsFailTheLastReasonIsTold() async throws {
        let bundle = try Sealed.bundle(in: scratch())
        let stylizer = try Stylizer<Picture>(bundle: bundle, device: device) { _, attempt in
            throw StyleError.modelFailed(file: "dots", why: "not on \(attempt.units.rawValue)")
        }
        do {
            _ = try await stylizer.stylize(picture())
            XCTFail("nothing could run")
        } catch {
            XCTAssertEqual(StyleError.message(of: error), "dots could not be run: not on cpu_only.")
        }
    }

    func testAFlatPhotographMayStayFlat() async throws {
        let bundle = try Sealed.bundle(in: scratch())
        let stylizer = try Stylizer<Picture>(bundle: bundle, device: device) { _, _ in ClosureEngine { $0 } }
        let black = Picture(width: 16, height: 16)
        let result = try await stylizer.stylize(photo: black, whole: false)
        XCTAssertEqual(result, black)
        let status = await stylizer.status
        XCTAssertEqual(status?.fallbacks, [])
    }

    func testATamperedFileIsNeverLoaded() async throws {
        let folder = try scratch()
        let bundle = try Sealed.bundle(in: folder), made = Counter()
        try Data("mocel".utf8).write(to: bundle.url(of: bundle.manifest.models[0]))
        let stylizer = try Stylizer<Picture>(bundle: bundle, device: device) { _, _ in
            made.add()
            return ClosureEngine { $0 }
        }
        do {
            _ = try await stylizer.stylize(picture())
            XCTFail("another model was run")
        } catch {
            XCTAssertEqual(error as? StyleError, .fileChanged(name: "dots", file: "dots-int8.mlmodel"))
        }
        XCTAssertEqual(made.value, 0)
    }

    func testTilesOfALargePhotographMeetWithoutASeam() async throws {
        let bundle = try Sealed.bundle(in: scratch()), inFlight = Counter(), shares = Notes<Double>()
        let stylizer = try Stylizer<Picture>(bundle: bundle, device: device) { _, _ in
            ClosureEngine { tile in
                XCTAssertEqual(tile.size, PixelSize(width: 16, height: 16))
                inFlight.add()
                await Task.yield()
                inFlight.add(-1)
                return tile.inverted
            }
        }
        let photo = picture(3, width: 61, height: 37)
        let result = try await stylizer.stylize(photo: photo, whole: true) { shares.add($0) }
        XCTAssertEqual(result, photo.inverted, "a style that looks at single pixels gives the same in tiles")
        XCTAssertEqual(inFlight.most, 1)
        XCTAssertEqual(shares.all, shares.all.sorted())
        XCTAssertEqual(shares.all.last, 1)
        let small = try await stylizer.stylize(photo: picture(1, width: 9, height: 40), whole: true)
        XCTAssertEqual(small.size, stylizer.size, "smaller than a tile: its centre")
    }

    func testTilesDifferInToneWithoutAStep() async throws {
        // Each tile comes back in one gray, 0 or 100: between two centres the tone must go over gradually.
        let count = Counter()
        let photo = Picture(width: 30, height: 16)
        let result = try await Tiling.run(photo, tile: PixelSize(width: 16, height: 16)) { tile in
            let gray = UInt8((count.add() - 1) % 2 * 100)
            return Picture(width: 16, height: 16, bytes: [UInt8](repeating: gray, count: tile.bytes.count))
        }
        let row = (0..<30).map { Int(result.bytes[$0 * 3]) }
        XCTAssertEqual([row.first, row.last], [0, 100])
        XCTAssertLessThanOrEqual(zip(row, row.dropFirst()).map { abs($1 - $0) }.max() ?? 0, 50)
    }

    func testCancellingStopsBetweenTiles() async throws {
        let bundle = try Sealed.bundle(in: scratch()), ran = Counter()
        let stylizer = try Stylizer<Picture>(bundle: bundle, device: device) { _, _ in
            ClosureEngine { tile in
                ran.add()
                await Task.yield()
                return tile
            }
        }
        let task = Task { try await stylizer.stylize(photo: picture(0, width: 400, height: 400), whole: true) }
        while ran.value < 3 { await Task.yield() }
        task.cancel()
        let result = await task.result
        XCTAssertThrowsError(try result.get()) { XCTAssert($0 is CancellationError, "\($0)") }
        XCTAssertLessThan(ran.value, 100)
    }

    func testTimesAfterAWarmUp() async throws {
        let ran = Counter(), ticks = Counter()
        let timing = try await Benchmark.time(
            ClosureEngine { picture in
                ran.add()
                return picture
            }, on: picture(), runs: 40, warmUp: 5, clock: { UInt64(ticks.add(2_000_000)) })
        XCTAssertEqual(ran.value, 45)
        XCTAssertEqual([timing.medianMs, timing.iqrMs, timing.fps], [2, 0, 500])
        XCTAssertEqual(timing.runs, 40)
        let least = try await Benchmark.time(ClosureEngine { $0 }, on: picture(), runs: 1)
        XCTAssertEqual(least.runs, 30, "fewer say nothing")
    }
}
