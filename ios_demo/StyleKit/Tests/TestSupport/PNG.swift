import Foundation
import StyleKit

/// PNG files of 8 bits a channel, gray, RGB or with a palette, not interlaced: what Pillow writes of an RGB picture.
public enum PNG {
    /// Reads a file.
    public static func read(_ url: URL) throws -> Picture {
        do {
            return try decoded([UInt8](try Data(contentsOf: url)))
        } catch let error as FileError {
            throw FileError("\(url.lastPathComponent): \(error)")
        }
    }

    private static func decoded(_ data: [UInt8]) throws -> Picture {
        guard data.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) else { throw FileError("no PNG file") }
        var place = 8, packed: [UInt8] = [], header: [UInt8] = [], palette: [UInt8] = []
        while place + 12 <= data.count {
            let length = number(data, place)
            guard place + 12 + length <= data.count else { throw FileError("it is cut off") }
            let content = data[(place + 8)..<(place + 8 + length)]
            switch String(decoding: data[(place + 4)..<(place + 8)], as: UTF8.self) {
            case "IHDR": header = Array(content)
            case "PLTE": palette = Array(content)
            case "IDAT": packed += content
            default: break
            }
            place += 12 + length
        }
        guard header.count == 13, header[8] == 8, header[12] == 0, let channels = [0: 1, 2: 3, 3: 1, 6: 4][header[9]]
        else { throw FileError("it is of a kind that is not read here") }
        let width = number(header, 0), height = number(header, 4)
        let plain = try unfiltered(try Inflate.unpacked(packed, from: 2), width: width, height: height, channels: channels)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(width * height * 3)
        for pixel in 0..<(width * height) {
            switch header[9] {
            case 0: bytes += [plain[pixel], plain[pixel], plain[pixel]]
            case 3: bytes += palette[(Int(plain[pixel]) * 3)..<(Int(plain[pixel]) * 3 + 3)]
            default: bytes += plain[(pixel * channels)..<(pixel * channels + 3)]
            }
        }
        return Picture(width: width, height: height, bytes: bytes)
    }

    private static func unfiltered(_ data: [UInt8], width: Int, height: Int, channels: Int) throws -> [UInt8] {
        let line = width * channels
        guard data.count == (line + 1) * height else { throw FileError("it holds too few pixels") }
        var result = [UInt8](repeating: 0, count: line * height)
        for y in 0..<height {
            let filter = data[y * (line + 1)]
            for x in 0..<line {
                let left = x >= channels ? Int(result[y * line + x - channels]) : 0
                let above = y > 0 ? Int(result[(y - 1) * line + x]) : 0
                let corner = x >= channels && y > 0 ? Int(result[(y - 1) * line + x - channels]) : 0
                let guess: Int
                switch filter {
                case 0: guess = 0
                case 1: guess = left
                case 2: guess = above
                case 3: guess = (left + above) / 2
                case 4:
                    let sum = left + above - corner
                    let (a, b, c) = (abs(sum - left), abs(sum - above), abs(sum - corner))
                    guess = a <= b && a <= c ? left : b <= c ? above : corner
                default: throw FileError("a line has no known filter")
                }
                result[y * line + x] = data[y * (line + 1) + 1 + x] &+ UInt8(truncatingIfNeeded: guess)
            }
        }
        return result
    }

    /// The bytes of a file, not compressed.
    public static func encoded(_ picture: Picture) -> Data {
        var lines: [UInt8] = []
        for y in 0..<picture.height {
            lines.append(0)
            lines += picture.bytes[(y * picture.width * 3)..<((y + 1) * picture.width * 3)]
        }
        var packed: [UInt8] = [0x78, 0x01]
        for start in stride(from: 0, to: lines.count, by: 65535) {
            let end = min(start + 65535, lines.count)
            let length = UInt16(end - start)
            packed += [end == lines.count ? 1 : 0, UInt8(length & 255), UInt8(length >> 8)]
            packed += [UInt8(~length & 255), UInt8(~length >> 8)]
            packed += lines[start..<end]
        }
        packed += big(adler(lines))
        let header = big(UInt32(picture.width)) + big(UInt32(picture.height)) + [8, 2, 0, 0, 0]
        let chunks = chunk("IHDR", header) + chunk("IDAT", packed) + chunk("IEND", [])
        return Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] + chunks)
    }

    private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + content
        return big(UInt32(content.count)) + body + big(crc(body))
    }

    private static func number(_ data: [UInt8], _ at: Int) -> Int {
        (0..<4).reduce(0) { $0 << 8 | Int(data[at + $1]) }
    }

    private static func big(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }

    private static func adler(_ data: [UInt8]) -> UInt32 {
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in data {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        return b << 16 | a
    }

    private static func crc(_ data: [UInt8]) -> UInt32 {
        ~data.reduce(~0) { crcTable[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) }
    }

    private static let crcTable: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    }
}
