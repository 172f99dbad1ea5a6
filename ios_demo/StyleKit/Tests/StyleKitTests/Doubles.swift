import Foundation
import StyleKit
import XCTest

/// Counts, safe from any thread.
final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var now = 0
    private var peak = 0

    var value: Int { lock.withLock { now } }
    var most: Int { lock.withLock { peak } }

    @discardableResult
    func add(_ step: Int = 1) -> Int {
        lock.withLock {
            now += step
            peak = max(peak, now)
            return now
        }
    }
}

/// What tests note, safe from any thread.
final class Notes<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var kept: [Value] = []

    var all: [Value] { lock.withLock { kept } }

    func add(_ value: Value) { lock.withLock { kept.append(value) } }
}

/// An engine that runs a closure, for tests of what lies around engines.
struct ClosureEngine: Engine {
    typealias Image = Picture

    let signature: Signature
    let body: @Sendable (Picture) async throws -> Picture

    init(size: PixelSize = PixelSize(width: 16, height: 16), body: @escaping @Sendable (Picture) async throws -> Picture) {
        let shape = [1, 3, size.height, size.width]
        func port(_ name: String) -> ModelPort {
            ModelPort(name: name, kind: .image, shape: shape, dtype: "uint8", layout: "NCHW", color: "RGB", low: 0, high: 255)
        }
        signature = Signature(inputs: [port("image")], outputs: [port("stylized")])
        self.body = body
    }

    func run(_ inputs: [String: Value<Picture>]) async throws -> [String: Value<Picture>] {
        guard case .picture(let picture)? = inputs["image"] else { throw StyleError.pictureUnusable(why: "none came") }
        return ["stylized": .picture(try await body(picture))]
    }
}

/// A picture with something on it, no two numbers alike.
func picture(_ number: Int = 0, width: Int = 16, height: Int = 16) -> Picture {
    var found = Picture(width: width, height: height)
    for index in found.bytes.indices { found.bytes[index] = UInt8(truncatingIfNeeded: index &* 7 &+ number) }
    for byte in 0..<8 { found.bytes[byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) }
    return found
}

/// The number of a picture.
func number(of picture: Picture) -> Int {
    (0..<8).reduce(0) { $0 | Int(picture.bytes[$1]) << (8 * $1) }
}

extension Picture {
    /// Every byte from the other end: what a test's style does.
    var inverted: Picture { Picture(width: width, height: height, bytes: bytes.map { 255 - $0 }) }
}

/// Bytes of memory that this process holds, on Linux.
func residentBytes() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(fields[1]) ?? 0) * 4096
}

extension XCTestCase {
    /// A new empty folder that is deleted when the test ends.
    func scratch() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("stylekit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
        return folder
    }
}
