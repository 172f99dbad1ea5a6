import Foundation

/// The parts of the chip that Core ML may use.
public enum Units: String, Sendable, CaseIterable, Codable {
    case all
    case cpuAndGPU = "cpu_and_gpu"
    case cpuOnly = "cpu_only"

    var words: String {
        switch self {
        case .all: return "Neural Engine, GPU and CPU"
        case .cpuAndGPU: return "GPU and CPU"
        case .cpuOnly: return "CPU"
        }
    }
}

/// What of the device decides.
public struct Device: Sendable, Equatable {
    /// The major version of iOS.
    public var system: Int
    public var isSimulator: Bool
    /// Units whose result has been found wrong on this device.
    public var failed: Set<Units>

    public init(system: Int, isSimulator: Bool = false, failed: Set<Units> = []) {
        (self.system, self.isSimulator, self.failed) = (system, isSimulator, failed)
    }

    /// This device.
    public static var current: Device {
        #if targetEnvironment(simulator)
        let simulator = true
        #else
        let simulator = false
        #endif
        #if os(iOS)
        let system = ProcessInfo.processInfo.operatingSystemVersion.majorVersion
        #else
        let system = 17  // macOS 14, the oldest that this package takes, has what iOS 17 has
        #endif
        return Device(system: system, isSimulator: simulator)
    }
}

/// Which file of a bundle is run on which units, in the order in which they are tried, and why.
public struct Choice: Sendable, Equatable {
    /// One file on some units.
    public struct Attempt: Sendable, Equatable {
        public let model: Manifest.Model
        public let units: Units
    }

    public let attempts: [Attempt]
    /// A sentence that says why the first attempt comes first.
    public let reason: String

    /// Targets that Core ML runs, best first, with the oldest iOS of each.
    public static let targets: [(name: String, system: Int)] = [
        ("mlpackage-int8", 16), ("mlpackage-fp16", 16), ("mlpackage-sparse", 16), ("mlpackage-palettized", 16),
        ("mlpackage-joint", 18), ("mlmodel-int8", 12), ("mlmodel-palettized", 12),
    ]

    /// Chooses for a device.
    ///
    /// - Parameter asked: units that the user wants; `nil` leaves it to the library. The CPU is what is left of all.
    /// - Throws: `StyleError.nothingRuns`, with the reason.
    public init(bundle: Manifest, device: Device, asked: Units? = nil) throws {
        let models = Dictionary(bundle.models.map { ($0.target, $0) }, uniquingKeysWith: { first, _ in first })
        guard let best = Choice.targets.first(where: { models[$0.name] != nil && device.system >= $0.system }),
            let model = models[best.name]
        else {
            let oldest = Choice.targets.filter { models[$0.name] != nil }.map(\.system).min()
            let why = oldest.map { "it needs iOS \($0) or later" } ?? "it has no Core ML file"
            throw StyleError.nothingRuns(name: bundle.name, why: why)
        }
        var units: [Units] = [.all, .cpuAndGPU, .cpuOnly]
        var because = "Core ML divides the work itself"
        if device.isSimulator {
            (units, because) = ([.cpuOnly], "the simulator has no Neural Engine, and its GPU is the Mac's")
        } else if let asked {
            (units, because) = (asked == .cpuOnly ? [.cpuOnly] : [asked, .cpuOnly], "asked for")
        }
        var kept = units.filter { !device.failed.contains($0) }
        if kept.isEmpty { kept = [.cpuOnly] }
        if kept[0] != units[0] {
            because = "\(units[0].words) gave a wrong picture on this device"
        }
        attempts = kept.map { Attempt(model: model, units: $0) }
        reason = "\(best.name): the best for iOS \(device.system) in this bundle; \(kept[0].words): \(because)."
    }
}
