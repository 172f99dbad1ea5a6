import Foundation
import Observation

/// What a screen shows that stylizes photographs: the styles, what is open, the result, and one sentence if something
/// is wrong. It knows no user interface; a view observes it. All work is done off the main thread.
@MainActor
@Observable
public final class PhotoSession {
    public let styles: [StyleBundle]
    /// The style that is chosen, by its place in `styles`.
    public private(set) var selected: Int?
    /// The photograph, upright.
    public private(set) var original: Picture?
    public private(set) var result: Picture?
    /// One sentence about what is wrong, `nil` while nothing is.
    public private(set) var message: String?
    public private(set) var isBusy = false
    /// The share that is done, 0...1.
    public private(set) var progress = 0.0
    /// What ran, on which units, and why.
    public private(set) var status: Stylizer<Picture>.Status?
    /// The whole photograph in tiles, or its centre at the model's size.
    public var isWhole = false

    private let device: Device
    private let make: EngineMaker<Picture>
    private var stylizer: Stylizer<Picture>?
    private var work: Task<Void, Never>?
    private var round = 0

    /// - Parameters:
    ///   - list: the styles of the app; what is wrong with them is the first message.
    ///   - make: `CoreMLEngine.pictures(in:)` in an app.
    public init(list: StyleList, device: Device = .current, make: @escaping EngineMaker<Picture>) {
        styles = list.styles
        message = list.problems.first
        (self.device, self.make) = (device, make)
        if !styles.isEmpty { selected = 0 }
    }

    /// Chooses a style by its place in `styles`, and stylizes what is open.
    public func select(_ index: Int) {
        guard styles.indices.contains(index), index != selected else { return }
        selected = index
        stylizer = nil
        stylize()
    }

    /// Chooses a style by the name of its bundle, if it is there: for a screen that is restored.
    public func select(named name: String) {
        if let index = styles.firstIndex(where: { $0.name == name }) { select(index) }
    }

    /// Opens a photograph and stylizes it. `load` reads it off the main thread.
    public func open(_ load: @escaping @Sendable () async throws -> Picture) {
        begin { session, round in
            let photo = try await load()
            guard session.isCurrent(round) else { return }
            (session.original, session.result) = (photo, nil)
            try await session.stylize(photo, round)
        }
    }

    /// Stylizes what is open once more, with the chosen style.
    public func stylize() {
        guard let photo = original else { return }
        begin { session, round in try await session.stylize(photo, round) }
    }

    /// Stops what is being done. What was shown stays.
    public func cancel() {
        round += 1
        work?.cancel()
        (work, isBusy) = (nil, false)
    }

    /// Lets go of the model: for memory warnings and the background. It is loaded again when it is needed.
    public func drop() async {
        await stylizer?.drop()
    }

    /// Shows a sentence about an error that arose elsewhere, such as while saving.
    public func show(_ error: any Error) {
        message = StyleError.message(of: error)
    }

    public func dismissMessage() {
        message = nil
    }

    /// Waits for what is being done.
    public func finished() async {
        await work?.value
    }

    private func begin(_ body: @escaping @MainActor (PhotoSession, Int) async throws -> Void) {
        cancel()
        let round = round
        (isBusy, progress, message) = (true, 0, nil)
        work = Task { [weak self] in
            do {
                guard let self else { return }
                try await body(self, round)
            } catch {
                self?.fail(error, round)
            }
            self?.end(round)
        }
    }

    private func stylize(_ photo: Picture, _ round: Int) async throws {
        guard let selected else {
            throw StyleError.nothingRuns(name: "none", why: "there is no style in this app")
        }
        let stylizer = try self.stylizer ?? Stylizer(bundle: styles[selected], device: device, make: make)
        self.stylizer = stylizer
        let found = try await stylizer.stylize(photo: photo, whole: isWhole) { share in
            Task { @MainActor [weak self] in self?.advance(to: share, round) }
        }
        let status = await stylizer.status
        guard isCurrent(round) else { return }
        (result, self.status) = (found, status)
    }

    private func isCurrent(_ round: Int) -> Bool { round == self.round }

    private func advance(to share: Double, _ round: Int) {
        if isCurrent(round) { progress = share }
    }

    private func fail(_ error: any Error, _ round: Int) {
        guard isCurrent(round), !(error is CancellationError) else { return }
        (message, result) = (StyleError.message(of: error), nil)
    }

    private func end(_ round: Int) {
        if isCurrent(round) { (isBusy, work) = (false, nil) }
    }
}
