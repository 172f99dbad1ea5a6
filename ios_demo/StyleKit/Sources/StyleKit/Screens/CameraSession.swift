import Foundation
import Observation

/// Gives frames, upright and not mirrored but where a mirror is meant: a camera, or what a test makes up.
public protocol FrameSource<Image>: Sendable {
    associatedtype Image: Sendable

    /// Begins to give frames, on a queue of its own.
    ///
    /// - Throws: `StyleError.cameraUnavailable`, which says why.
    func start(_ give: @escaping @Sendable (Image) -> Void) async throws

    /// Gives no more frames once it returns.
    func stop() async
}

/// What a screen shows that stylizes camera frames: the newest result and the frame rate. One frame is in flight at a
/// time; those that come in the meantime are skipped.
@MainActor
@Observable
public final class CameraSession<Image: Sendable> {
    public let styles: [StyleBundle]
    public private(set) var selected: Int?
    /// The newest result.
    public private(set) var shown: Image?
    /// Results a second.
    public private(set) var fps: Double?
    /// One sentence about what is wrong, `nil` while nothing is.
    public private(set) var message: String?
    public private(set) var isRunning = false
    public private(set) var status: Stylizer<Image>.Status?

    private let device: Device
    private let make: EngineMaker<Image>
    private let source: any FrameSource<Image>
    private let fit: @Sendable (Image, PixelSize) throws -> Image
    private let isFlat: @Sendable (Image) -> Bool
    private let clock: @Sendable () -> Double
    private var stylizer: Stylizer<Image>?
    private var gate: FrameGate<Image>?
    private var rate = FrameRate()
    private var change: Task<Void, Never>?
    private var round = 0

    /// - Parameters:
    ///   - fit: brings a frame to the model's size, on the source's queue.
    ///   - isFlat: whether all pixels are nearly alike.
    ///   - clock: seconds on a clock that only goes forward.
    public init(
        list: StyleList, device: Device = .current, source: any FrameSource<Image>, make: @escaping EngineMaker<Image>,
        fit: @escaping @Sendable (Image, PixelSize) throws -> Image, isFlat: @escaping @Sendable (Image) -> Bool,
        clock: @escaping @Sendable () -> Double = { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }
    ) {
        styles = list.styles
        message = list.problems.first
        (self.device, self.source, self.make, self.fit) = (device, source, make, fit)
        (self.isFlat, self.clock) = (isFlat, clock)
        if !styles.isEmpty { selected = 0 }
    }

    /// Begins with the chosen style. Does nothing while it runs.
    public func start() {
        guard !isRunning, let selected else { return }
        (isRunning, message) = (true, nil)
        let bundle = styles[selected]
        queue { session, round in
            do {
                try await session.begin(bundle, round)
            } catch {
                await session.fail(error, round)
            }
        }
    }

    /// Stops the camera, waits for the frame in flight, and lets go of the model.
    public func stop() {
        guard isRunning else { return }
        isRunning = false
        queue { session, _ in await session.end() }
    }

    /// Goes on with another style, by its place in `styles`.
    public func select(_ index: Int) {
        guard styles.indices.contains(index), index != selected else { return }
        let wasRunning = isRunning
        stop()
        selected = index
        if wasRunning { start() }
    }

    /// Waits until what was asked for has been done.
    public func settled() async { await change?.value }

    /// What has become of the frames so far, of the style that runs.
    public var counts: FrameGate<Image>.Counts { gate?.counts ?? .init() }

    /// Starts and stops happen one after the other, however fast they are asked for.
    private func queue(_ step: @escaping @MainActor (CameraSession, Int) async -> Void) {
        round += 1
        let before = change, round = round
        change = Task { [weak self] in
            await before?.value
            if let self { await step(self, round) }
        }
    }

    private func begin(_ bundle: StyleBundle, _ round: Int) async throws {
        let stylizer = try Stylizer(bundle: bundle, device: device, make: make)
        _ = try await stylizer.engine()
        guard round == self.round else { return }
        let (isFlat, fit, size) = (isFlat, fit, stylizer.size)
        let gate = FrameGate<Image>(
            stylize: { frame in
                let fitted = try fit(frame, size)
                return try await stylizer.stylize(fitted) { isFlat($0) && !isFlat(fitted) }
            },
            deliver: { [weak self] result in await self?.show(result, of: stylizer, round) })
        (self.stylizer, self.gate, rate) = (stylizer, gate, FrameRate())
        try await source.start { gate.offer($0) }
    }

    private func show(_ result: Result<Image, any Error>, of stylizer: Stylizer<Image>, _ round: Int) async {
        let status = await stylizer.status
        guard round == self.round else { return }
        switch result {
        case .success(let image):
            rate.mark(at: clock())
            (shown, fps, self.status, message) = (image, rate.fps, status, nil)
        case .failure(let error):
            if !(error is CancellationError) { message = StyleError.message(of: error) }
        }
    }

    private func fail(_ error: any Error, _ round: Int) async {
        await end()
        guard round == self.round else { return }
        (message, isRunning) = (StyleError.message(of: error), false)
    }

    private func end() async {
        await source.stop()
        await gate?.close()
        (gate, stylizer, fps) = (nil, nil, nil)
    }
}
