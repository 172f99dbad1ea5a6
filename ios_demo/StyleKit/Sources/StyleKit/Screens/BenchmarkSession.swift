import Foundation
import Observation

/// What a screen shows that times every style on every unit that it may run on.
@MainActor
@Observable
public final class BenchmarkSession {
    /// One style on some units.
    public struct Row: Sendable, Equatable, Identifiable {
        public let bundle: String
        public let attempt: Choice.Attempt
        public let timing: Timing

        public var id: String { "\(attempt.model.file) \(attempt.units.rawValue)" }
        /// The units in words.
        public var units: String { attempt.units.words }
    }

    public private(set) var rows: [Row] = []
    /// One sentence for each file that could not be timed.
    public private(set) var problems: [String] = []
    public private(set) var isBusy = false
    /// The share that is done, 0...1.
    public private(set) var progress = 0.0

    private let styles: [StyleBundle]
    private let device: Device
    private let make: EngineMaker<Picture>
    private var work: Task<Void, Never>?

    public init(styles: [StyleBundle], device: Device = .current, make: @escaping EngineMaker<Picture>) {
        (self.styles, self.device, self.make) = (styles, device, make)
    }

    /// Times everything anew.
    ///
    /// - Parameter runs: of each file on each units, after the warm-up.
    public func start(runs: Int = Benchmark.leastRuns) {
        guard !isBusy else { return }
        (isBusy, rows, problems, progress) = (true, [], [], 0)
        let (styles, device, make) = (styles, device, make)
        work = Task { [weak self] in
            for (index, bundle) in styles.enumerated() where !Task.isCancelled {
                await self?.time(bundle, on: device, make: make, runs: runs)
                self?.progress = Double(index + 1) / Double(styles.count)
            }
            self?.isBusy = false
        }
    }

    public func cancel() { work?.cancel() }

    public func finished() async { await work?.value }

    /// What is written for `export-pipeline`: a record for each bundle that was timed.
    public func records(on machine: BenchmarkRecord.Machine) -> [BenchmarkRecord] {
        styles.map(\.name).compactMap { name in
            let own = rows.filter { $0.bundle == name }
            let timed = own.map { BenchmarkRecord.Row(attempt: $0.attempt, timing: $0.timing, system: machine.system) }
            return timed.isEmpty ? nil : BenchmarkRecord(name: name, machine: machine, rows: timed)
        }
    }

    private func time(_ bundle: StyleBundle, on device: Device, make: EngineMaker<Picture>, runs: Int) async {
        do {
            for attempt in try Choice(bundle: bundle.manifest, device: device).attempts {
                try bundle.check(attempt.model)
                let engine = try await make(bundle, attempt)
                guard let size = engine.signature.inputs.compactMap(\.size).first else { continue }
                let timing = try await Benchmark.time(engine, on: BenchmarkSession.sample(of: size), runs: runs)
                rows.append(Row(bundle: bundle.name, attempt: attempt, timing: timing))
            }
        } catch where !(error is CancellationError) {
            problems.append(StyleError.message(of: error))
        } catch {}
    }

    /// A picture without flat parts: some chips are faster on zeros.
    nonisolated static func sample(of size: PixelSize) -> Picture {
        var state: UInt32 = 1
        let bytes = (0..<(size.width * size.height * 3)).map { _ -> UInt8 in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
        return Picture(width: size.width, height: size.height, bytes: bytes)
    }
}
