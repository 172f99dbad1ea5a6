import StyleKit
import SwiftUI
import UIKit

@main
struct StyleDemoApp: App {
    var body: some Scene {
        WindowGroup { RootView() }
    }
}

/// What all screens share, made once.
@MainActor
final class AppParts {
    let list = StyleList(folder: AppParts.bundles)
    let photo: PhotoSession
    let camera: CameraSession<PixelImage>
    let benchmark: BenchmarkSession
    let scaler = SharedScaler()

    init() {
        let frames: EngineMaker<PixelImage>
        do {
            let compiled = try CompiledModels.ofThisApp()
            let bundles = list.bundles
            Task { await compiled.sweep(keeping: bundles) }
            frames = CoreMLEngine.make(compiled)
        } catch {
            let why = error.localizedDescription
            frames = { _, attempt in throw StyleError.modelFailed(file: attempt.model.file, why: why) }
        }
        let pictures = PictureEngine.make(frames)
        photo = PhotoSession(list: list, make: pictures)
        benchmark = BenchmarkSession(styles: list.styles, make: pictures)
        let scaler = scaler
        camera = CameraSession(
            list: list, source: Camera(), make: frames, fit: { try scaler.fitted($0, to: $1) }, isFlat: { $0.isFlat })
    }

    /// The folder `Bundles` of this app: in the app itself, or in the bundle of resources that the package makes.
    private static var bundles: URL {
        let main = Bundle.main.bundleURL
        let inside = (try? FileManager.default.contentsOfDirectory(at: main, includingPropertiesForKeys: nil)) ?? []
        let places = [main] + inside.filter { $0.pathExtension == "bundle" }
        let found = places.map { $0.appendingPathComponent("Bundles") }
        return found.first { FileManager.default.fileExists(atPath: $0.path) } ?? found[0]
    }
}

@MainActor
struct RootView: View {
    @State private var parts = AppParts()
    @Environment(\.scenePhase) private var phase

    var body: some View {
        TabView {
            PhotoScreen(session: parts.photo)
                .tabItem { Label("Photo", systemImage: "photo") }
            CameraScreen(session: parts.camera, scaler: parts.scaler)
                .tabItem { Label("Camera", systemImage: "camera") }
            BenchmarkScreen(session: parts.benchmark)
                .tabItem { Label("Speed", systemImage: "speedometer") }
        }
        .onChange(of: phase) { _, phase in
            if phase == .background { leave() }
        }
        .task {
            let warnings = NotificationCenter.default.notifications(named: UIApplication.didReceiveMemoryWarningNotification)
            for await _ in warnings { await parts.photo.drop() }
        }
    }

    /// The GPU may not be used in the background: a frame in flight there would end the app.
    private func leave() {
        parts.camera.stop()
        parts.benchmark.cancel()
        parts.photo.cancel()
        Task { await parts.photo.drop() }
    }
}

/// The sentence about what is wrong.
@MainActor
struct MessageBar: View {
    let message: String

    var body: some View {
        Label(message, systemImage: "exclamationmark.triangle")
            .font(.callout)
            .padding()
            .background(.thinMaterial, in: RoundedRectangle(cornerRadius: 12))
            .padding()
            .accessibilityIdentifier("message")
    }
}

/// The styles side by side.
@MainActor
struct StylePicker: View {
    let styles: [StyleBundle]
    let selected: Int?
    let choose: (Int) -> Void

    var body: some View {
        ScrollView(.horizontal, showsIndicators: false) {
            HStack {
                ForEach(styles.indices, id: \.self) { index in
                    Button(styles[index].title) { choose(index) }
                        .buttonStyle(.bordered)
                        .tint(index == selected ? .accentColor : .secondary)
                        .accessibilityAddTraits(index == selected ? [.isSelected] : [])
                }
            }
            .padding(.horizontal)
        }
    }
}
