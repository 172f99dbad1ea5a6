import StyleKit
import XCTest

/// Frames through the gate: one in flight, in order, none lost, memory flat.
final class FrameTests: XCTestCase {
    private static let frames = 10_000

    /// As a camera gives a frame: BGRA, rows longer than the picture.
    private func cameraFrame(_ number: Int) -> Picture {
        let source = picture(number)
        var buffer = [UInt8](repeating: 0xa5, count: 80 * 16)
        return buffer.withUnsafeMutableBytes { bytes in
            source.write(to: bytes, order: .bgra, rowStride: 80)
            return Picture(packed: UnsafeRawBufferPointer(bytes), order: .bgra, width: 16, height: 16, rowStride: 80)
        }
    }

    func testTenThousandFramesOneAfterTheOther() async throws {
        let inFlight = Counter(), seen = Notes<Int>()
        let engine = ClosureEngine { frame in
            inFlight.add()
            await Task.yield()
            inFlight.add(-1)
            return frame
        }
        let gate = FrameGate(engine: engine) { result in
            if case .success(let frame) = result { seen.add(number(of: frame)) }
        }
        var early = 0
        for index in 0..<FrameTests.frames {
            await gate.submit(cameraFrame(index))
            if index == FrameTests.frames / 10 { early = try residentBytesOrZero() }
        }
        XCTAssertEqual(seen.all, Array(0..<FrameTests.frames), "none lost, none out of order")
        XCTAssertEqual(inFlight.most, 1)
        XCTAssertEqual(gate.counts, .init(offered: FrameTests.frames, delivered: FrameTests.frames))
        let growth = try residentBytesOrZero() - early
        print("10,000 frames: resident memory grew by \(growth / 1024) KiB over the last 9,000")
        // Nine thousand frames hold 6.9 MB: an eighth of them kept would show.
        XCTAssertLessThan(growth, 864 * 1024)
    }

    func testACameraThatIsFasterThanTheModel() async throws {
        let inFlight = Counter(), seen = Notes<Int>()
        let engine = ClosureEngine { frame in
            inFlight.add()
            for _ in 0..<3 { await Task.yield() }
            inFlight.add(-1)
            return frame
        }
        let gate = FrameGate(engine: engine) { result in
            if case .success(let frame) = result { seen.add(number(of: frame)) }
        }
        var taken: [Int] = []
        for index in 0..<FrameTests.frames {
            if gate.offer(picture(index)) { taken.append(index) }
            if index % 3 == 0 { await Task.yield() }
        }
        await gate.close()
        XCTAssertEqual(seen.all, taken, "every frame that was taken came out, in order")
        XCTAssertEqual(inFlight.most, 1)
        let counts = gate.counts
        XCTAssertEqual(counts.offered, FrameTests.frames)
        XCTAssertEqual(counts.delivered + counts.skipped, FrameTests.frames)
        XCTAssertGreaterThan(counts.skipped, 0)
        XCTAssertFalse(gate.isBusy)
    }

    func testManyCallersAtOnceAreServedInTurn() async {
        let inFlight = Counter()
        let engine = ClosureEngine { frame in
            inFlight.add()
            await Task.yield()
            inFlight.add(-1)
            return frame
        }
        let gate = FrameGate(engine: engine) { _ in }
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<200 { group.addTask { await gate.submit(picture(index)) } }
        }
        XCTAssertEqual(inFlight.most, 1)
        XCTAssertEqual(gate.counts, .init(offered: 200, delivered: 200))
    }

    func testAFailedFrameIsDeliveredAsSuchAndTheNextOneRuns() async {
        let results = Notes<Bool>()
        let engine = ClosureEngine { frame in
            if number(of: frame) == 1 { throw StyleError.modelFailed(file: "dots", why: "tried") }
            return frame
        }
        let gate = FrameGate(engine: engine) { result in
            if case .success = result { results.add(true) } else { results.add(false) }
        }
        for index in 0..<3 { await gate.submit(picture(index)) }
        XCTAssertEqual(results.all, [true, false, true])
        XCTAssertEqual(gate.counts, .init(offered: 3, delivered: 2, failed: 1))
    }

    func testClosingCancelsWhatIsInFlight() async {
        let started = Notes<Bool>(), results = Notes<Bool>()
        let engine = ClosureEngine { frame in
            started.add(true)
            try await Task.sleep(nanoseconds: 60_000_000_000)
            return frame
        }
        let gate = FrameGate(engine: engine) { result in
            if case .failure(let error) = result { results.add(error is CancellationError) }
        }
        XCTAssertTrue(gate.offer(picture()))
        while started.all.isEmpty { await Task.yield() }
        await gate.close()
        XCTAssertEqual(results.all, [true])
        XCTAssertFalse(gate.offer(picture()))
        let taken = await gate.submit(picture())
        XCTAssertFalse(taken)
        XCTAssertEqual(gate.counts, .init(offered: 3, skipped: 2, failed: 1))
    }

    func testTheFrameRate() {
        var rate = FrameRate()
        XCTAssertNil(rate.fps)
        rate.mark(at: 10)
        XCTAssertNil(rate.fps)
        for frame in 1...60 { rate.mark(at: 10 + Double(frame) / 25) }
        XCTAssertEqual(rate.fps ?? 0, 25, accuracy: 1e-6)
        rate.mark(at: 100)
        XCTAssertNil(rate.fps, "after a pause it begins anew")
    }

    private func residentBytesOrZero() throws -> Int {
        #if os(Linux)
        return try residentBytes()
        #else
        return 0
        #endif
    }
}
