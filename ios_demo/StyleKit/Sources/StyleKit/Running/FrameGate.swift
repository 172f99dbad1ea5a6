import Foundation

/// Lets one frame at a time through to a style. A frame that comes while one is in flight is turned away at once,
/// so that nothing queues up and the picture is never old. Results come in the order of their frames.
public final class FrameGate<Image: Sendable>: @unchecked Sendable {
    /// What has become of the frames so far: `offered` is the sum of the others and of what is in flight.
    public struct Counts: Sendable, Equatable {
        public var offered = 0
        public var delivered = 0
        public var skipped = 0
        public var failed = 0

        public init(offered: Int = 0, delivered: Int = 0, skipped: Int = 0, failed: Int = 0) {
            (self.offered, self.delivered, self.skipped, self.failed) = (offered, delivered, skipped, failed)
        }
    }

    private let lock = NSLock()
    private var state = Counts()
    private var last: (number: Int, task: Task<Void, Never>)?
    private var isClosed = false
    private let stylize: @Sendable (Image) async throws -> Image
    private let deliver: @Sendable (Result<Image, any Error>) async -> Void

    /// - Parameter deliver: gets each result before the next frame is let in.
    public init(
        stylize: @escaping @Sendable (Image) async throws -> Image,
        deliver: @escaping @Sendable (Result<Image, any Error>) async -> Void
    ) {
        (self.stylize, self.deliver) = (stylize, deliver)
    }

    /// A gate to one engine.
    public convenience init(
        engine: any Engine<Image>, deliver: @escaping @Sendable (Result<Image, any Error>) async -> Void
    ) {
        self.init(stylize: { try await engine.stylize($0) }, deliver: deliver)
    }

    public var counts: Counts { lock.withLock { state } }

    /// Whether a frame is in flight.
    public var isBusy: Bool { lock.withLock { last != nil } }

    /// Takes a frame if none is in flight. Never waits, so it can be called on the camera's queue.
    ///
    /// - Returns: whether the frame was taken.
    @discardableResult
    public func offer(_ frame: Image) -> Bool {
        lock.withLock {
            state.offered += 1
            guard last == nil, !isClosed else {
                state.skipped += 1
                return false
            }
            start(frame, after: nil)
            return true
        }
    }

    /// Takes a frame after all that were taken before, and returns when its result has been delivered: for a film, of
    /// which no frame may be left out.
    ///
    /// - Returns: whether the frame was taken; it is not when the gate is closed.
    @discardableResult
    public func submit(_ frame: Image) async -> Bool {
        let task = lock.withLock { () -> Task<Void, Never>? in
            state.offered += 1
            guard !isClosed else {
                state.skipped += 1
                return nil
            }
            return start(frame, after: last?.task)
        }
        await task?.value
        return task != nil
    }

    /// Lets no frame in any more, cancels the one in flight, and waits for it.
    public func close() async {
        let task = lock.withLock {
            isClosed = true
            last?.task.cancel()
            return last?.task
        }
        await task?.value
    }

    /// Called with the lock held.
    @discardableResult
    private func start(_ frame: Image, after previous: Task<Void, Never>?) -> Task<Void, Never> {
        let number = state.offered
        let task = Task {
            await previous?.value
            await self.process(frame, number)
        }
        last = (number, task)
        return task
    }

    private func process(_ frame: Image, _ number: Int) async {
        let result: Result<Image, any Error>
        do {
            try Task.checkCancellation()
            result = .success(try await stylize(frame))
        } catch {
            result = .failure(error)
        }
        await deliver(result)
        lock.withLock {
            if case .success = result { state.delivered += 1 } else { state.failed += 1 }
            if last?.number == number { last = nil }
        }
    }
}
