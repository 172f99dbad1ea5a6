import AVFoundation
import CoreMedia
import StyleKit
import UIKit

/// The back camera as a source of upright BGRA frames. Late frames are dropped by the system, early ones by the gate.
final class Camera: NSObject, FrameSource, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    typealias Image = PixelImage

    private let session = AVCaptureSession()
    private let output = AVCaptureVideoDataOutput()
    private let queue = DispatchQueue(label: "camera")
    private var give: (@Sendable (PixelImage) -> Void)?  // used on the queue alone

    func start(_ give: @escaping @Sendable (PixelImage) -> Void) async throws {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            throw StyleError.cameraUnavailable(why: "Settings do not let this app use it")
        }
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            queue.async {
                do {
                    try self.configure()
                    self.give = give
                    self.session.startRunning()  // takes a while, so never on the main thread
                    done.resume()
                } catch {
                    done.resume(throwing: error)
                }
            }
        }
    }

    func stop() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            queue.async {
                self.give = nil
                if self.session.isRunning { self.session.stopRunning() }
                done.resume()
            }
        }
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection
    ) {
        guard let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        give?(PixelImage(buffer))
    }

    private func configure() throws {
        guard session.inputs.isEmpty else { return }
        guard let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back) else {
            throw StyleError.cameraUnavailable(why: "this device has none")
        }
        let input: AVCaptureDeviceInput
        do {
            input = try AVCaptureDeviceInput(device: device)
        } catch {
            throw StyleError.cameraUnavailable(why: error.localizedDescription)
        }
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        session.sessionPreset = .hd1280x720
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA]
        output.alwaysDiscardsLateVideoFrames = true
        guard session.canAddInput(input), session.canAddOutput(output) else {
            throw StyleError.cameraUnavailable(why: "another app is using it")
        }
        session.addInput(input)
        session.addOutput(output)
        output.setSampleBufferDelegate(self, queue: queue)
        // The sensor lies on its side: turned here, once, frames are upright for the model and for the screen.
        if let connection = output.connection(with: .video) {
            if connection.isVideoRotationAngleSupported(90) { connection.videoRotationAngle = 90 }
            if connection.isVideoMirroringSupported { connection.isVideoMirrored = false }
        }
    }
}
