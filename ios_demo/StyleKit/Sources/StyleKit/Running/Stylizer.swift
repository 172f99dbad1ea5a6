import Foundation

/// One style, ready to run: checks the bundle's file, loads it on the units that suit the device, and falls back to the
/// next where that fails or gives a flat picture. Loads when it is first needed, drops the model when memory is short.
public actor Stylizer<Image: Sendable> {
    /// What is running, and how it came to that.
    public struct Status: Sendable, Equatable {
        public let attempt: Choice.Attempt
        /// Why this file and these units come first.
        public let reason: String
        /// A sentence for each attempt that failed before.
        public let fallbacks: [String]
    }

    public nonisolated let bundle: StyleBundle
    public nonisolated let choice: Choice
    private let make: EngineMaker<Image>
    private var loaded: Loaded?
    private var loading: Task<Loaded, any Error>?
    private var next = 0
    private var fallbacks: [String] = []

    private struct Loaded: Sendable {
        let engine: any Engine<Image>
        /// Which of the attempts it is.
        let number: Int
        let status: Status
    }

    /// - Parameter asked: units that the user wants; `nil` leaves it to the library.
    /// - Throws: `StyleError` where the bundle has nothing that runs here or that is handled.
    public init(
        bundle: StyleBundle, device: Device = .current, asked: Units? = nil, make: @escaping EngineMaker<Image>
    ) throws {
        (self.bundle, self.make) = (bundle, make)
        choice = try Choice(bundle: bundle.manifest, device: device, asked: asked)
        for attempt in choice.attempts {
            guard try attempt.model.signature.role(of: attempt.model.file) == .style else {
                throw StyleError.signatureUnknown(file: attempt.model.file, why: "it does not make a picture of a picture")
            }
        }
    }

    /// The size of the pictures that the model takes and gives.
    public nonisolated var size: PixelSize {
        choice.attempts[0].model.signature.inputs.compactMap(\.size)[0]  // the role has been checked
    }

    public var status: Status? { loaded?.status }

    /// The engine, loaded now if it is not. Several callers at once load it once.
    ///
    /// - Throws: `StyleError` of the last attempt where all have failed; of the check where a file is not as it was built.
    public func engine() async throws -> any Engine<Image> { try await ready().engine }

    /// Stylizes a picture of the model's size.
    ///
    /// - Parameter isWrong: says of a result whether it is no picture at all; then the next units are tried.
    public func stylize(_ image: Image, isWrong: @Sendable (Image) -> Bool = { _ in false }) async throws -> Image {
        while true {
            let own = try await ready()
            do {
                let result = try await own.engine.stylize(image)
                guard isWrong(result) else { return result }
                throw StyleError.modelFailed(file: own.status.attempt.model.file, why: "it gave a flat picture")
            } catch let error where !(error is CancellationError) {
                try fallBack(from: own.number, error)
            }
            try Task.checkCancellation()
        }
    }

    /// Lets go of the model; it is loaded again when it is needed. For memory warnings and the background.
    public func drop() {
        loaded = nil
    }

    private func ready() async throws -> Loaded {
        if let loaded { return loaded }
        let task = loading ?? Task { try await self.load() }
        loading = task
        defer { loading = nil }
        let found = try await task.value
        // Another caller may have found it wrong in the meantime.
        if found.number == next { loaded = found }
        return found
    }

    /// Goes on to the attempt after `number`, unless another caller has done so.
    ///
    /// - Throws: `error` where there is none after it.
    private func fallBack(from number: Int, _ error: any Error) throws {
        guard number + 1 < choice.attempts.count else { throw error }
        guard number == next else { return }
        fallbacks.append("\(choice.attempts[number].units.words): \(StyleError.message(of: error))")
        next += 1
        loaded = nil
    }

    private func load() async throws -> Loaded {
        while true {
            let number = next
            let attempt = choice.attempts[number]
            try bundle.check(attempt.model)
            do {
                let engine = try await make(bundle, attempt)
                let status = Status(attempt: attempt, reason: choice.reason, fallbacks: fallbacks)
                return Loaded(engine: engine, number: number, status: status)
            } catch let error where !(error is CancellationError) {
                try fallBack(from: number, error)
            }
        }
    }
}

extension Stylizer where Image == Picture {
    /// Stylizes a photograph of any size: its centre at the model's size, or all of it in tiles.
    ///
    /// - Parameter progress: is told the share that is done, 0...1.
    public func stylize(
        photo: Picture, whole: Bool, progress: @Sendable (Double) -> Void = { _ in }
    ) async throws -> Picture {
        let wrong: @Sendable (Picture) -> Bool = { $0.isFlat }
        guard whole, Tiling.tiles(of: photo.size, tile: size) != nil else {
            let fitted = photo.fitted(to: size)
            return try await stylize(fitted, isWrong: fitted.isFlat ? { _ in false } : wrong)
        }
        return try await Tiling.run(photo, tile: size, progress: progress) { tile in
            try await self.stylize(tile, isWrong: tile.isFlat ? { _ in false } : wrong)
        }
    }
}
