import StyleKit
import TestSupport
import XCTest

/// Manifests good and bad, files whole and changed, and the choice of a file, against the vectors.
final class BundleTests: XCTestCase {
    private struct Manifests: Decodable {
        struct Document: Decodable { let folder, open: String; let models: [Model]? }
        struct Model: Decodable { let target, file: String; let inputs, outputs: [ModelPort] }
        struct Files: Decodable { let folder: String; let check: [String: String] }
        let documents: [Document]
        let files: [Files]
    }

    private struct Choices: Decodable {
        struct Case: Decodable {
            let targets, failed: [String]
            let ios: Int
            let simulator: Bool
            let asked: String
            let expected: Expected
        }
        struct Expected: Decodable { let attempts: [Attempt]?; let error: String? }
        struct Attempt: Decodable, Equatable { let target, units: String }
        let ios: [Case]
    }

    /// The vectors' word for an error.
    private func code(_ error: any Error) -> String {
        switch error as? StyleError {
        case .otherVersion: return "version"
        case .fileMissing: return "missing"
        case .fileChanged: return "changed"
        case .nothingRuns: return "no_usable_file"
        case .manifestDamaged(_, let why) where why.contains("cannot be read"): return "unreadable"
        case .manifestDamaged(_, let why) where why.contains("digest"): return "digest"
        case .manifestDamaged(_, let why) where why.contains("outside"): return "unsafe_path"
        case .manifestDamaged: return "malformed"
        default: return "\(error)"
        }
    }

    func testManifests() throws {
        let cases = try Repository.vectors("manifests.json", as: Manifests.self).documents
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            do {
                let bundle = try StyleBundle(folder: Repository.vectors.appendingPathComponent(one.folder))
                XCTAssertEqual("ok", one.open, one.folder)
                let models = try XCTUnwrap(one.models)
                XCTAssertEqual(bundle.manifest.models.map(\.target), models.map(\.target))
                XCTAssertEqual(bundle.manifest.models.map(\.file), models.map(\.file))
                for (found, expected) in zip(bundle.manifest.models, models) {
                    XCTAssertEqual(found.signature.inputs, expected.inputs, "\(one.folder) \(found.file)")
                    XCTAssertEqual(found.signature.outputs, expected.outputs, "\(one.folder) \(found.file)")
                }
            } catch let error as StyleError {
                XCTAssertEqual(code(error), one.open, one.folder)
                assertIsOneSentence(error.message)
            }
        }
    }

    func testFilesOfBundles() throws {
        let cases = try Repository.vectors("manifests.json", as: Manifests.self).files
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            let bundle = try StyleBundle(folder: Repository.vectors.appendingPathComponent(one.folder))
            XCTAssertEqual(Set(bundle.manifest.models.map(\.file)), Set(one.check.keys))
            for model in bundle.manifest.models {
                do {
                    try bundle.check(model)
                    XCTAssertEqual("ok", one.check[model.file], "\(one.folder) \(model.file)")
                } catch {
                    XCTAssertEqual(code(error), one.check[model.file], "\(one.folder) \(model.file)")
                    assertIsOneSentence(StyleError.message(of: error))
                }
            }
        }
    }

    func testChoices() throws {
        let cases = try Repository.vectors("choice.json", as: Choices.self).ios
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            let manifest = try Sealed.manifest(targets: one.targets)
            let failed = Set(one.failed.compactMap(Units.init(rawValue:)))
            XCTAssertEqual(failed.count, one.failed.count)
            let device = Device(system: one.ios, isSimulator: one.simulator, failed: failed)
            do {
                let choice = try Choice(bundle: manifest, device: device, asked: Units(rawValue: one.asked))
                let found = choice.attempts.map { Choices.Attempt(target: $0.model.target, units: $0.units.rawValue) }
                XCTAssertEqual(found, one.expected.attempts, "\(one)")
                XCTAssert(choice.reason.contains(found[0].target), choice.reason)
                assertIsOneSentence(choice.reason)
            } catch let error as StyleError {
                XCTAssertEqual(code(error), one.expected.error, "\(one)")
                assertIsOneSentence(error.message)
            }
        }
    }

    func testEveryTargetThatIsChosenIsOneOfThePipeline() throws {
        let table = try String(contentsOf: Repository.root.appendingPathComponent("README.md"), encoding: .utf8)
        for (name, system) in Choice.targets {
            let row = try XCTUnwrap(table.split(separator: "\n").first { $0.contains("`\(name)`") }, name)
            XCTAssert(row.contains("iOS \(system) and later"), String(row))
        }
    }

    func testTheListTellsGoodBundlesFromBad() throws {
        let list = StyleList(folder: Repository.vectors.appendingPathComponent("manifests"))
        let documents = try Repository.vectors("manifests.json", as: Manifests.self)
        XCTAssertEqual(list.problems.count, documents.documents.filter { $0.open != "ok" }.count)
        XCTAssertEqual(list.bundles.count + list.problems.count, documents.documents.count + documents.files.count)
        for problem in list.problems { assertIsOneSentence(problem) }
        let none = StyleList(folder: Repository.root.appendingPathComponent("no such folder"))
        XCTAssertEqual(none.problems, ["There are no styles in this app. Install it again."])
    }

    func testTheScreensOfferWhatPaintsAPicture() throws {
        let list = StyleList(folder: Repository.vectors.appendingPathComponent("manifests"))
        XCTAssertEqual(list.styles.count, list.bundles.count)
        let all = StyleList(folder: Repository.artifacts)
        XCTAssertFalse(all.styles.isEmpty)
        XCTAssert(all.styles.allSatisfy { all.bundles.contains($0) })
    }

    func testAFolderThatIsMissing() {
        let folder = Repository.root.appendingPathComponent("no_such_style")
        XCTAssertThrowsError(try StyleBundle(folder: folder)) {
            XCTAssertEqual($0 as? StyleError, .bundleMissing(name: "no_such_style"))
        }
    }

    func testFingerprintsFollowTheBytes() throws {
        let models = try Repository.bundles().flatMap(\.manifest.models)
        XCTAssertEqual(Set(models.map(StyleBundle.fingerprint)).count, models.count)
    }

    private struct Roles: Decodable {
        struct Case: Decodable { let role: String?; let signature: Signature }
        let cases: [Case]
    }

    /// The cases that `export-pipeline app` is held to as well.
    func testRoles() throws {
        let file = Repository.root.appendingPathComponent("tests/apps/roles.json")
        let cases = try JSONDecoder().decode(Roles.self, from: Data(contentsOf: file)).cases
        XCTAssertFalse(cases.isEmpty)
        for one in cases {
            do {
                let role = try one.signature.role(of: "a file")
                XCTAssertEqual("\(role)", one.role)
            } catch let error as StyleError {
                XCTAssertNil(one.role, "\(one.signature)")
                assertIsOneSentence(error.message)
            }
        }
    }
}
