import Foundation

/// What is wrong with a file that a test reads.
public struct FileError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Unpacks DEFLATE data (RFC 1951), for PNG files where no system library reads them.
struct Inflate {
    private let source: [UInt8]
    private var place: Int
    private var bits: UInt32 = 0
    private var held = 0
    private var result: [UInt8] = []

    static func unpacked(_ source: [UInt8], from start: Int) throws -> [UInt8] {
        var inflate = Inflate(source: source, place: start)
        try inflate.run()
        return inflate.result
    }

    private init(source: [UInt8], place: Int) { (self.source, self.place) = (source, place) }

    private mutating func take(_ count: Int) throws -> Int {
        while held < count {
            guard place < source.count else { throw FileError("the data ends too early") }
            bits |= UInt32(source[place]) << UInt32(held)
            place += 1
            held += 8
        }
        let value = Int(bits & ((1 << UInt32(count)) - 1))
        bits >>= UInt32(count)
        held -= count
        return value
    }

    private mutating func run() throws {
        var isLast = false
        while !isLast {
            isLast = try take(1) == 1
            switch try take(2) {
            case 0: try copyStored()
            case 1: try copyCoded(Inflate.fixedLiterals, Inflate.fixedDistances)
            case 2:
                let (literals, distances) = try readCodes()
                try copyCoded(literals, distances)
            default: throw FileError("a block is of no known kind")
            }
        }
    }

    private mutating func copyStored() throws {
        _ = try take(held & 7)
        let length = try take(16)
        guard try take(16) == length ^ 0xffff else { throw FileError("a stored block is damaged") }
        for _ in 0..<length { result.append(UInt8(try take(8))) }
    }

    private mutating func copyCoded(_ literals: Code, _ distances: Code) throws {
        while true {
            let symbol = try read(literals)
            if symbol < 256 {
                result.append(UInt8(symbol))
            } else if symbol == 256 {
                return
            } else {
                let length = try number(symbol - 257, Inflate.lengths)
                let distance = try number(try read(distances), Inflate.distances)
                guard distance <= result.count else { throw FileError("a copy begins before the data") }
                let from = result.count - distance
                for offset in 0..<length { result.append(result[from + offset]) }
            }
        }
    }

    private mutating func number(_ symbol: Int, _ table: [(base: Int, extra: Int)]) throws -> Int {
        guard table.indices.contains(symbol) else { throw FileError("a length or distance is of no known kind") }
        return table[symbol].base + (try take(table[symbol].extra))
    }

    private mutating func read(_ code: Code) throws -> Int {
        var value = 0, first = 0, index = 0
        for count in code.counts.dropFirst() {
            value |= try take(1)
            if value - first < count { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw FileError("a code is not in its table")
    }

    private mutating func readCodes() throws -> (Code, Code) {
        let literals = try take(5) + 257, distances = try take(5) + 1, meta = try take(4) + 4
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<meta { lengths[Inflate.metaOrder[index]] = try take(3) }
        let code = Code(lengths)
        var all: [Int] = []
        while all.count < literals + distances {
            switch try read(code) {
            case 16:
                guard let last = all.last else { throw FileError("a repeat has nothing before it") }
                all += [Int](repeating: last, count: try take(2) + 3)
            case 17: all += [Int](repeating: 0, count: try take(3) + 3)
            case 18: all += [Int](repeating: 0, count: try take(7) + 11)
            case let length: all.append(length)
            }
        }
        guard all.count == literals + distances else { throw FileError("there are too many code lengths") }
        return (Code(Array(all[..<literals])), Code(Array(all[literals...])))
    }

    /// A Huffman code: how many codes there are of each length, and the symbols in the order of their codes.
    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(_ lengths: [Int]) {
            for length in lengths where length > 0 { counts[length] += 1 }
            for length in 1...15 { symbols += lengths.indices.filter { lengths[$0] == length } }
        }
    }

    private static let metaOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    private static let lengths: [(base: Int, extra: Int)] = table(from: 3, plain: 8, step: 4, most: 28) + [(258, 0)]
    private static let distances: [(base: Int, extra: Int)] = table(from: 1, plain: 4, step: 2, most: 30)
    private static let fixedLiterals = Code(
        (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    private static let fixedDistances = Code([Int](repeating: 5, count: 30))

    private static func table(from start: Int, plain: Int, step: Int, most: Int) -> [(base: Int, extra: Int)] {
        var base = start
        return (0..<most).map { index in
            let extra = index < plain ? 0 : (index - plain) / step + 1
            defer { base += 1 << extra }
            return (base, extra)
        }
    }
}
