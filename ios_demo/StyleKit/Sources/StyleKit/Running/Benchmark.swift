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

/// What was timed on a device, of one bundle: a `benchmark.json` as `export-pipeline` writes and reads it, without Python
/// and without a float network to compare with.
public struct BenchmarkRecord: Sendable, Equatable, Encodable {
    /// One file on some units.
    public struct Row: Sendable, Equatable {
        public let file: String
        /// Such as `Core ML, GPU and CPU`.
        public let runtime: String
        public let version: String
        /// 0 where the runtime does not tell.
        public let threads: Int
        public let size: PixelSize
        public let timing: Timing

        public init(file: String, runtime: String, version: String, threads: Int, size: PixelSize, timing: Timing) {
            (self.file, self.runtime, self.version, self.threads) = (file, runtime, version, threads)
            (self.size, self.timing) = (size, timing)
        }

        /// A row of Core ML, which is as old as the system and divides the work itself.
        public init(attempt: Choice.Attempt, timing: Timing, system: String) {
            let size = attempt.model.signature.inputs.compactMap(\.size).first ?? PixelSize(width: 0, height: 0)
            self.init(
                file: attempt.model.file, runtime: "Core ML, \(attempt.units.words)", version: system, threads: 0, size: size,
                timing: timing)
        }
    }

    /// Where it ran.
    public struct Machine: Sendable, Equatable, Encodable {
        /// The device's model, such as `iPhone15,2`.
        public let processor: String
        public let cores: Int
        /// Name and version, such as `iOS 17.4`.
        public let system: String
        public let libraries: [String: String]

        public init(
            processor: String, cores: Int = ProcessInfo.processInfo.processorCount, system: String,
            libraries: [String: String] = [:]
        ) {
            (self.processor, self.cores, self.system, self.libraries) = (processor, cores, system, libraries)
        }

        private enum Keys: String, CodingKey { case processor, cores, system, python, libraries }

        public func encode(to encoder: any Encoder) throws {
            var box = encoder.container(keyedBy: Keys.self)
            try box.encode(processor, forKey: .processor)
            try box.encode(cores, forKey: .cores)
            try box.encode(system, forKey: .system)
            try box.encode("none", forKey: .python)
            try box.encode(libraries, forKey: .libraries)
        }
    }

    public let name: String
    public let machine: Machine
    public let rows: [Row]
    /// Why a file was not timed.
    public let skipped: [String: String]

    /// - Parameter name: of the bundle.
    public init(name: String, machine: Machine, rows: [Row], skipped: [String: String] = [:]) {
        (self.name, self.machine, self.rows, self.skipped) = (name, machine, rows, skipped)
    }

    private enum Keys: String, CodingKey {
        case format, name, machine, latency, memory, skipped, budgets
        case floatFile = "float_file"
    }

    private enum RowKeys: String, CodingKey {
        case file, runtime, version, threads, processor, height, width
    }

    public func encode(to encoder: any Encoder) throws {
        var box = encoder.container(keyedBy: Keys.self)
        try box.encode(1, forKey: .format)
        try box.encode(name, forKey: .name)
        try box.encode(machine, forKey: .machine)
        try box.encode("", forKey: .floatFile)
        try box.encode([String](), forKey: .memory)
        try box.encode(skipped, forKey: .skipped)
        try box.encode([String](), forKey: .budgets)
        var list = box.nestedUnkeyedContainer(forKey: .latency)
        for row in rows {
            let place = list.superEncoder()
            try row.timing.encode(to: place)
            var fields = place.container(keyedBy: RowKeys.self)
            try fields.encode(row.file, forKey: .file)
            try fields.encode(row.runtime, forKey: .runtime)
            try fields.encode(row.version, forKey: .version)
            try fields.encode(row.threads, forKey: .threads)
            try fields.encode(machine.processor, forKey: .processor)
            try fields.encode(row.size.height, forKey: .height)
            try fields.encode(row.size.width, forKey: .width)
        }
    }

    /// The text of the file, the same for the same results.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }
}
