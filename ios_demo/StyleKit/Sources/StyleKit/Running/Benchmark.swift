import Foundation

/// Median and interquartile range of what was timed, in milliseconds; quartiles lie between the two nearest values.
public struct Timing: Sendable, Equatable, Codable {
    public let runs: Int
    public let medianMs: Double
    public let iqrMs: Double
    public let fps: Double

    private enum CodingKeys: String, CodingKey {
        case runs, fps
        case medianMs = "median_ms"
        case iqrMs = "iqr_ms"
    }

    /// - Precondition: there is a value.
    public init(milliseconds: [Double]) {
        precondition(!milliseconds.isEmpty, "something was timed")
        let sorted = milliseconds.sorted()
        func quantile(_ share: Double) -> Double {
            let place = share * Double(sorted.count - 1)
            let low = Int(place)
            let high = min(low + 1, sorted.count - 1)
            return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
        }
        let median = quantile(0.5)
        runs = sorted.count
        medianMs = rounded(median, 4)
        iqrMs = rounded(quantile(0.75) - quantile(0.25), 4)
        fps = rounded(1000 / median, 3)
    }
}

private func rounded(_ value: Double, _ digits: Int) -> Double {
    let scale = pow(10, Double(digits))
    return (value * scale).rounded(.toNearestOrEven) / scale
}

/// Times an engine: warm-up runs first, then at least 30.
public enum Benchmark {
    public static let leastRuns = 30

    /// - Parameter progress: is told the share that is done, 0...1.
    /// - Throws: what the engine throws, and `CancellationError` between two runs.
    public static func time<Image: Sendable>(
        _ engine: any Engine<Image>, on image: Image, runs: Int = leastRuns, warmUp: Int = 5,
        clock: @Sendable () -> UInt64 = { DispatchTime.now().uptimeNanoseconds },
        progress: @Sendable (Double) -> Void = { _ in }
    ) async throws -> Timing {
        var milliseconds: [Double] = []
        for run in 0..<(warmUp + max(runs, leastRuns)) {
            try Task.checkCancellation()
            let start = clock()
            _ = try await engine.stylize(image)
            let took = Double(clock() - start) / 1e6
            if run >= warmUp { milliseconds.append(took) }
            progress(Double(run + 1) / Double(warmUp + max(runs, leastRuns)))
        }
        return Timing(milliseconds: milliseconds)
    }
}

/// What the benchmark screen writes, for `export-pipeline`: the device and a row for each file that was timed.
public struct DeviceResults: Sendable, Equatable, Codable {
    /// One file on some units.
    public struct Row: Sendable, Equatable, Codable {
        public let bundle: String
        public let target: String
        public let file: String
        /// SHA-256 of each of the file's files, by path in the bundle.
        public let sha256: [String: String]
        public let accelerator: String
        public let timing: Timing

        public init(bundle: StyleBundle, attempt: Choice.Attempt, timing: Timing) {
            self.bundle = bundle.name
            (target, file, sha256) = (attempt.model.target, attempt.model.file, attempt.model.hashes)
            (accelerator, self.timing) = (attempt.units.rawValue, timing)
        }
    }

    public let format: Int
    public let device: String
    public let system: String
    public let runtime: String
    public let rows: [Row]

    private enum CodingKeys: String, CodingKey {
        case format, device, system, runtime, rows
    }

    /// - Parameters:
    ///   - device: the model's name, such as `iPhone15,2`.
    ///   - system: name and version, such as `iOS 17.4`.
    ///   - runtime: such as `Core ML`.
    public init(device: String, system: String, runtime: String, rows: [Row]) {
        (format, self.device, self.system, self.runtime, self.rows) = (1, device, system, runtime, rows)
    }

    /// The text of the file, the same for the same results.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }
}
