import Foundation

/// What can go wrong, in one sentence that a person can read on the screen: what is wrong, and what to do.
public enum StyleError: Error, Equatable, Sendable {
    /// A bundle's folder or manifest is not there.
    case bundleMissing(name: String)
    /// The manifest cannot be read or is not as it was written.
    case manifestDamaged(name: String, why: String)
    /// The manifest is of a format that this version does not know.
    case otherVersion(name: String, found: Int, known: Int)
    /// A file that the manifest lists is not there.
    case fileMissing(name: String, file: String)
    /// A file has other bytes than the manifest says.
    case fileChanged(name: String, file: String)
    /// The model takes or gives something else than this library handles.
    case signatureUnknown(file: String, why: String)
    /// No file of the bundle runs on this system.
    case nothingRuns(name: String, why: String)
    /// The model could not be loaded or run.
    case modelFailed(file: String, why: String)
    /// A picture cannot be used.
    case pictureUnusable(why: String)
    /// The camera cannot be used.
    case cameraUnavailable(why: String)
    /// The result could not be saved.
    case notSaved(why: String)

    /// The sentence for the screen.
    public var message: String {
        switch self {
        case .bundleMissing(let name):
            return "The style “\(name)” is not in this app. Install the app again."
        case .manifestDamaged(let name, let why):
            return "The style “\(name)” is damaged (\(why)). Install the app again."
        case .otherVersion(let name, let found, let known):
            return "The style “\(name)” has format \(found), and this app reads format \(known). Update the app."
        case .fileMissing(let name, let file):
            return "The style “\(name)” lacks its file \(file). Install the app again."
        case .fileChanged(let name, let file):
            return "The style “\(name)” is damaged: \(file) is not the file that was built. Install the app again."
        case .signatureUnknown(let file, let why):
            return "\(file) cannot be used by this app: \(why)."
        case .nothingRuns(let name, let why):
            return "The style “\(name)” does not run on this device: \(why)."
        case .modelFailed(let file, let why):
            return "\(file) could not be run: \(why)."
        case .pictureUnusable(let why):
            return "This picture cannot be used: \(why). Choose another one."
        case .cameraUnavailable(let why):
            return "The camera cannot be used: \(why)."
        case .notSaved(let why):
            return "The picture could not be saved: \(why)."
        }
    }

    /// The sentence for any error: its own where it is one of these, else the system's.
    public static func message(of error: any Error) -> String {
        (error as? StyleError)?.message ?? "Something went wrong: \(error.localizedDescription)"
    }
}

extension StyleError: LocalizedError {
    public var errorDescription: String? { message }
}
