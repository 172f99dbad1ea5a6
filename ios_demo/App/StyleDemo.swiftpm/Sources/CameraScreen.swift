import StyleKit
import SwiftUI
import UIKit

/// The camera, painted, with its frame rate.
@MainActor
struct CameraScreen: View {
    let session: CameraSession<PixelImage>
    let scaler: SharedScaler

    var body: some View {
        VStack {
            ZStack(alignment: .bottomTrailing) {
                if let shown = session.shown, let image = scaler.image(of: shown) {
                    Image(decorative: image, scale: 1)
                        .resizable()
                        .aspectRatio(contentMode: .fit)
                } else {
                    ContentUnavailableView("The camera is off", systemImage: "camera")
                }
                if let fps = session.fps {
                    Text("\(fps, specifier: "%.1f") frames a second")
                        .monospacedDigit()
                        .padding(6)
                        .background(.thinMaterial, in: Capsule())
                        .padding()
                }
            }
            .frame(maxHeight: .infinity)
            if let message = session.message { MessageBar(message: message) }
            if let status = session.status { StatusLine(status: status) }
            StylePicker(styles: session.styles, selected: session.selected) { session.select($0) }
            Button(session.isRunning ? "Stop" : "Start") {
                if session.isRunning { session.stop() } else { session.start() }
            }
            .buttonStyle(.borderedProminent)
            .padding()
        }
        .onAppear { UIApplication.shared.isIdleTimerDisabled = true }
        .onDisappear {
            UIApplication.shared.isIdleTimerDisabled = false
            session.stop()
        }
    }
}

/// One scaler for the size in use, shared by the camera's queue and the screen.
final class SharedScaler: @unchecked Sendable {
    private let lock = NSLock()
    private var scaler: (size: PixelSize, value: FrameScaler)?

    func fitted(_ frame: PixelImage, to size: PixelSize) throws -> PixelImage {
        try scaler(for: size).fitted(frame)
    }

    func image(of frame: PixelImage) -> CGImage? {
        try? scaler(for: frame.size).image(of: frame)
    }

    private func scaler(for size: PixelSize) throws -> FrameScaler {
        try lock.withLock {
            if let scaler, scaler.size == size { return scaler.value }
            let made = try FrameScaler(size: size)
            scaler = (size, made)
            return made
        }
    }
}
