import StyleKit
import TestSupport
import XCTest

/// Where pictures and tiles lie, and pictures turned and resized, against the vectors that both apps share.
final class GeometryTests: XCTestCase {
    private struct Geometry: Decodable {
        struct Crop: Decodable { let source, target: [Int]; let box: [Double] }
        struct Letterbox: Decodable { let source, target, inner: [Int] }
        struct Tiles: Decodable { let source, tile, x, y: [Int]; let overlap: Int }
        let crops: [Crop]
        let letterboxes: [Letterbox]
        let tilings: [Tiles]
    }

    private struct Pictures: Decodable {
        struct Turned: Decodable { let orientation: Int; let source, expected: String }
        struct Resized: Decodable { let source, expected: String; let target: [Int] }
        let rotations: [Turned]
        let fits, letterboxes: [Resized]
    }

    private func size(_ pair: [Int]) -> PixelSize { PixelSize(width: pair[0], height: pair[1]) }

    private func picture(_ name: String) throws -> Picture {
        try PNG.read(Repository.vectors.appendingPathComponent(name))
    }

    private func assertSame(_ found: Picture, _ expected: Picture, _ what: String) {
        guard found.size == expected.size else { return XCTFail("\(what): \(found.size) is not \(expected.size)") }
        let wrong = zip(found.bytes, expected.bytes).enumerated().filter { $1.0 != $1.1 }
        let first = wrong.first.map { "first at byte \($0.offset): \($0.element.0), not \($0.element.1)" }
        XCTAssert(wrong.isEmpty, "\(what): \(wrong.count) of \(expected.bytes.count) bytes differ, \(first ?? "")")
    }

    func testCrops() throws {
        let cases = try Repository.vectors("geometry.json", as: Geometry.self).crops
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            let box = Fitting.crop(size(one.source), to: size(one.target))
            for (found, expected) in zip([box.left, box.top, box.right, box.bottom], one.box) {
                XCTAssertEqual(found, expected, accuracy: 1e-9, "\(one.source) to \(one.target)")
            }
        }
    }

    func testLetterboxes() throws {
        let cases = try Repository.vectors("geometry.json", as: Geometry.self).letterboxes
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            let place = Fitting.letterbox(size(one.source), in: size(one.target))
            XCTAssertEqual([place.x, place.y, place.size.width, place.size.height], one.inner, "\(one.source)")
        }
    }

    func testTilings() throws {
        let cases = try Repository.vectors("geometry.json", as: Geometry.self).tilings
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            for (axis, expected) in [one.x, one.y].enumerated() {
                let found = Fitting.tiles(length: one.source[axis], tile: one.tile[axis], overlap: one.overlap)
                XCTAssertEqual(found, expected, "\(one.source) in tiles of \(one.tile)")
            }
        }
    }

    func testEveryOrientation() throws {
        let cases = try Repository.vectors("pictures.json", as: Pictures.self).rotations
        XCTAssertEqual(cases.map(\.orientation), Array(1...8))
        for one in cases {
            let turned = try picture(one.source).upright(orientation: one.orientation)
            assertSame(turned, try picture(one.expected), "orientation \(one.orientation)")
        }
    }

    func testAnUnknownOrientationTurnsNothing() throws {
        let source = try picture("pictures/numbered.png")
        for orientation in [0, 9, -1] { XCTAssertEqual(source.upright(orientation: orientation), source) }
    }

    func testFits() throws {
        let cases = try Repository.vectors("pictures.json", as: Pictures.self).fits
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            assertSame(try picture(one.source).fitted(to: size(one.target)), try picture(one.expected), one.expected)
        }
    }

    func testLetterboxedPictures() throws {
        let cases = try Repository.vectors("pictures.json", as: Pictures.self).letterboxes
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            let found = try picture(one.source).letterboxed(in: size(one.target))
            assertSame(found, try picture(one.expected), one.expected)
        }
    }
}
