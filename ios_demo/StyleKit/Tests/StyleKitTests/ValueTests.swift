import StyleKit
import TestSupport
import XCTest

/// Buffers, values of ports, and statistics, against the vectors that both apps share. Those of YUV frames are Android's:
/// iOS gives BGRA frames.
final class ValueTests: XCTestCase {
    private struct Buffers: Decodable {
        struct Packed: Decodable {
            let order, bytes, expected: String
            let width, height, rowStride: Int

            enum CodingKeys: String, CodingKey {
                case order, bytes, expected, width, height
                case rowStride = "row_stride"
            }
        }
        let packed: [Packed]
    }

    private struct Values: Decodable {
        struct Rounded: Decodable { let floats: [Double]; let expected: [UInt8] }
        struct PortCase: Decodable {
            let dtype: String
            let low, high, scale: Double
            let zeroPoint: Int
            let pixels: [Int]
            let held: [Double]
            let back: [UInt8]

            enum CodingKeys: String, CodingKey {
                case dtype, low, high, scale, pixels, held, back
                case zeroPoint = "zero_point"
            }
        }
        let rounded: [Rounded]
        let refused: [String]
        let ports: [PortCase]

        enum CodingKeys: String, CodingKey {
            case refused, ports
            case rounded = "to_uint8"
        }
    }

    private struct Statistics: Decodable {
        struct Series: Decodable { let milliseconds: [Double] }
        let series: [Series]
    }

    func testBuffersWithLongRowsAreReadAndWritten() throws {
        let cases = try Repository.vectors("buffers.json", as: Buffers.self).packed
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            let bytes = try XCTUnwrap(Data(base64Encoded: one.bytes))
            let order = try XCTUnwrap(PixelOrder(rawValue: one.order))
            let expected = try PNG.read(Repository.vectors.appendingPathComponent(one.expected))
            let found = bytes.withUnsafeBytes {
                Picture(packed: $0, order: order, width: one.width, height: one.height, rowStride: one.rowStride)
            }
            XCTAssertEqual(found, expected, "\(one.order), \(one.rowStride) bytes a row")
            // Written over the vector's own filler, which must stay as it is.
            var written = Data(repeating: 0xa5, count: bytes.count)
            written.withUnsafeMutableBytes { expected.write(to: $0, order: order, rowStride: one.rowStride) }
            XCTAssertEqual(written, bytes, "\(one.order), \(one.rowStride) bytes a row")
        }
    }

    func testValuesOfPorts() throws {
        let cases = try Repository.vectors("values.json", as: Values.self).ports
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            var port = ModelPort(name: "image", dtype: one.dtype, low: one.low, high: one.high)
            (port.scale, port.zeroPoint) = (one.scale, one.zeroPoint)
            XCTAssertEqual(one.pixels.map { port.held(pixel: $0) }, one.held, "\(one.dtype) \(one.low)...\(one.high)")
            XCTAssertEqual(one.held.map { port.pixel(held: $0) }, one.back, "\(one.dtype) \(one.low)...\(one.high)")
        }
    }

    func testRoundingAndWhatIsRefused() throws {
        let values = try Repository.vectors("values.json", as: Values.self)
        let port = ModelPort(name: "image", low: 0, high: 255)
        for one in values.rounded {
            XCTAssertEqual(one.floats.map { port.pixel(held: Double(Float($0))) }, one.expected)
        }
        XCTAssertEqual(values.refused, ["nan", "inf", "-inf"])
        for value in [Double.nan, .infinity, -.infinity] { XCTAssertNil(port.pixel(held: value)) }
    }

    func testAPictureBecomesATensorAndBack() throws {
        let picture = try PNG.read(Repository.vectors.appendingPathComponent("pictures/numbered.png"))
        for (layout, shape) in [("NHWC", [1, 5, 7, 3]), ("NCHW", [1, 3, 5, 7])] {
            let port = ModelPort(name: "p", shape: shape, layout: layout, color: "RGB", low: -1, high: 1)
            let tensor = try port.tensor(of: picture)
            XCTAssertEqual(tensor.shape, shape)
            XCTAssertEqual(try port.picture(of: tensor), picture)
            // The second pixel's red lies beside the first one's channels, or beside its red.
            XCTAssertEqual(tensor.values[layout == "NHWC" ? 3 : 1], Float(port.held(pixel: Int(picture.bytes[3]))))
            var broken = tensor
            broken.values[0] = .nan
            XCTAssertThrowsError(try port.picture(of: broken))
        }
        let other = ModelPort(name: "p", shape: [1, 7, 5, 3], layout: "NHWC", color: "RGB")
        XCTAssertThrowsError(try other.tensor(of: picture))
    }

    func testStatistics() throws {
        let cases = try Repository.vectors("statistics.json", as: Statistics.self).series
        let expected = try Repository.vectors("statistics.json", as: Timings.self).series
        XCTAssertFalse(cases.isEmpty)
        XCTAssertEqual(cases.map { Timing(milliseconds: $0.milliseconds) }, expected)
    }

    private struct Timings: Decodable { let series: [Timing] }

    /// A benchmark's record, against the one that the project itself reads.
    func testRecords() throws {
        let text = try Data(contentsOf: Repository.vectors.appendingPathComponent("statistics.json"))
        let document = try XCTUnwrap(try JSONSerialization.jsonObject(with: text) as? [String: Any])
        let cases = try XCTUnwrap(document["records"] as? [[String: Any]])
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            let machine = try XCTUnwrap(one["machine"] as? [String: Any])
            let timed = try XCTUnwrap(one["timed"] as? [[String: Any]])
            let rows = try timed.map { row in
                BenchmarkRecord.Row(
                    file: try XCTUnwrap(row["file"] as? String), runtime: try XCTUnwrap(row["runtime"] as? String),
                    version: try XCTUnwrap(row["version"] as? String), threads: try XCTUnwrap(row["threads"] as? Int),
                    size: PixelSize(
                        width: try XCTUnwrap(row["width"] as? Int), height: try XCTUnwrap(row["height"] as? Int)),
                    timing: Timing(milliseconds: try XCTUnwrap(row["milliseconds"] as? [Double])))
            }
            let record = BenchmarkRecord(
                name: try XCTUnwrap(one["name"] as? String),
                machine: .init(
                    processor: try XCTUnwrap(machine["processor"] as? String), cores: try XCTUnwrap(machine["cores"] as? Int),
                    system: try XCTUnwrap(machine["system"] as? String),
                    libraries: try XCTUnwrap(machine["libraries"] as? [String: String])),
                rows: rows, skipped: try XCTUnwrap(one["skipped"] as? [String: String]))
            let found = try XCTUnwrap(try JSONSerialization.jsonObject(with: record.json()) as? [String: Any])
            let expected = try XCTUnwrap(one["expected"] as? [String: Any])
            XCTAssertEqual(NSDictionary(dictionary: found), NSDictionary(dictionary: expected))
            XCTAssertEqual(try record.json(), try record.json())
        }
    }

    func testDigestsOfTheStandard() {
        XCTAssertEqual(
            Fingerprint.sha256(of: Data()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        XCTAssertEqual(
            Fingerprint.sha256(of: Data("abc".utf8)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        XCTAssertEqual(
            Fingerprint.sha256(of: Data("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        XCTAssertEqual(
            Fingerprint.sha256(of: Data(repeating: UInt8(ascii: "a"), count: 1_000_000)),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }
}
