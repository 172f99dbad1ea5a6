import Foundation

/// Frames a second over the last second, out of the moments at which results came.
public struct FrameRate: Sendable, Equatable {
    private var moments: [Double] = []

    public init() {}

    /// Notes a result. Moments are seconds on any clock that only goes forward.
    public mutating func mark(at moment: Double) {
        moments.append(moment)
        moments.removeAll { $0 < moment - 1 }
    }

    /// `nil` until there are two results within a second.
    public var fps: Double? {
        guard let first = moments.first, let last = moments.last, last > first else { return nil }
        return Double(moments.count - 1) / (last - first)
    }
}
