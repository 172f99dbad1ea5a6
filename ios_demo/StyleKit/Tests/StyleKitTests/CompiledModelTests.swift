import StyleKit
import XCTest

/// Compiled models are kept once, and none piles up.
final class CompiledModelTests: XCTestCase {
    /// Writes a folder as Core ML's compiler does, into its own temporary folder.
    private func compiler(into tmp: URL, _ runs: Counter) -> CompiledModels.Compiler {
        { source in
            runs.add()
            await Task.yield()
            let made = tmp.appendingPathComponent("\(UUID().uuidString).mlmodelc", isDirectory: true)
            try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
            try Data(contentsOf: source).write(to: made.appendingPathComponent("compiled"))
            return made
        }
    }

    func testCompilesOnceOverManyStartsAndLeavesNothingInTmp() async throws {
        let folder = try scratch(), tmp = try scratch(), runs = Counter()
        let bundle = try Sealed.bundle(in: scratch())
        let cache = folder.appendingPathComponent("compiled")
        var found: Set<URL> = []
        for _ in 0..<5 {
            let models = CompiledModels(folder: cache, compiler: compiler(into: tmp, runs))
            found.insert(try await models.compiled(bundle.manifest.models[0], of: bundle))
        }
        XCTAssertEqual(runs.value, 1)
        XCTAssertEqual(found.count, 1)
        let kept = try XCTUnwrap(found.first)
        XCTAssertEqual(try Data(contentsOf: kept.appendingPathComponent("compiled")), Data("model".utf8))
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: tmp.path), [])
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: cache.path), [kept.lastPathComponent])
    }

    func testCallersAtOnceCompileOnce() async throws {
        let tmp = try scratch(), runs = Counter()
        let bundle = try Sealed.bundle(in: scratch())
        let models = CompiledModels(folder: try scratch(), compiler: compiler(into: tmp, runs))
        try await withThrowingTaskGroup(of: URL.self) { group in
            for _ in 0..<8 { group.addTask { try await models.compiled(bundle.manifest.models[0], of: bundle) } }
            try await group.waitForAll()
        }
        XCTAssertEqual(runs.value, 1)
    }

    func testAnotherFileIsCompiledAnewAndTheOldOneSwept() async throws {
        let folder = try scratch(), cache = try scratch(), tmp = try scratch(), runs = Counter()
        let models = CompiledModels(folder: cache, compiler: compiler(into: tmp, runs))
        let first = try Sealed.bundle(in: folder, content: "one")
        let old = try await models.compiled(first.manifest.models[0], of: first)
        let second = try Sealed.bundle(in: folder, content: "two")
        let new = try await models.compiled(second.manifest.models[0], of: second)
        XCTAssertEqual(runs.value, 2)
        XCTAssertNotEqual(old, new)
        await models.sweep(keeping: [second])
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: cache.path), [new.lastPathComponent])
        await models.forget(second.manifest.models[0])
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: cache.path), [])
    }

    func testAFailureIsOneSentenceAndLeavesNothing() async throws {
        let cache = try scratch()
        let bundle = try Sealed.bundle(in: scratch())
        let models = CompiledModels(folder: cache) { _ in throw StyleError.pictureUnusable(why: "tried") }
        do {
            _ = try await models.compiled(bundle.manifest.models[0], of: bundle)
            XCTFail("it was not compiled")
        } catch {
            XCTAssert(StyleError.message(of: error).contains("dots-int8.mlmodel"), "\(error)")
        }
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: cache.path), [])
    }

    func testWhatTheBuildCompiledIsTakenAsItIs() async throws {
        let runs = Counter(), app = try scratch()
        let plain = try Sealed.bundle(in: scratch())
        let model = plain.manifest.models[0]
        XCTAssertEqual(plain.withCompiledModels(in: app), plain)
        let built = app.appendingPathComponent("dots-int8.mlmodelc", isDirectory: true)
        try FileManager.default.createDirectory(at: built, withIntermediateDirectories: true)
        let bundle = plain.withCompiledModels(in: app)
        try FileManager.default.removeItem(at: plain.url(of: model))
        XCTAssertThrowsError(try plain.check(model))
        XCTAssertNoThrow(try bundle.check(model))
        let models = CompiledModels(folder: try scratch(), compiler: compiler(into: app, runs))
        let found = try await models.compiled(model, of: bundle)
        XCTAssertEqual(found, built)
        XCTAssertEqual(runs.value, 0)
    }
}
