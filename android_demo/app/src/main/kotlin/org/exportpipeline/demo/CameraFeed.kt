package org.exportpipeline.demo

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import java.util.concurrent.Executor
import org.exportpipeline.core.Buffers
import org.exportpipeline.core.FramePump
import org.exportpipeline.core.Orientation
import org.exportpipeline.core.Picture
import org.exportpipeline.core.Plane

/** A camera: its name, and how its pictures must be turned. */
class Camera(val id: String, val sensor: Int, val front: Boolean, val size: Size)

/** The camera that the demo uses: the one at the back, else any. */
fun CameraManager.camera(): Camera? = try {
    cameraIdList.mapNotNull { describe(it) }.minByOrNull { if (it.front) 1 else 0 }
} catch (_: CameraAccessException) { // the owner of the device has switched cameras off
    null
}

private fun CameraManager.describe(id: String): Camera? {
    val facts = getCameraCharacteristics(id)
    val sizes = facts[CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP]?.getOutputSizes(ImageFormat.YUV_420_888)
    val size = sizes?.let { smallestEnough(it.toList()) } ?: return null
    return Camera(
        id, facts[CameraCharacteristics.SENSOR_ORIENTATION] ?: 0,
        facts[CameraCharacteristics.LENS_FACING] == CameraCharacteristics.LENS_FACING_FRONT, size,
    )
}

private const val ENOUGH = 640

/** The fewest pixels that still cover what the models take; the most where none do. */
private fun smallestEnough(sizes: List<Size>): Size? =
    sizes.filter { maxOf(it.width, it.height) >= ENOUGH && minOf(it.width, it.height) >= ENOUGH * 3 / 4 }
        .minByOrNull { it.width.toLong() * it.height } ?: sizes.maxByOrNull { it.width.toLong() * it.height }

/** One frame, and how it must be turned. Whoever holds it closes it. */
class CameraFrame(private val image: Image, val orientation: Orientation) : AutoCloseable {
    /** The picture as the sensor lies; [into] is used again where it fits. */
    fun picture(into: Picture?): Picture {
        val (y, u, v) = image.planes.map { Plane(it.buffer, it.rowStride, it.pixelStride) }
        return Buffers.yuv420(y, u, v, image.width, image.height, into)
    }

    override fun close() = image.close()
}

/**
 * Frames of a camera into a [FramePump].
 *
 * @param failed is told why frames end, on the main thread.
 */
class CameraFeed(
    private val manager: CameraManager,
    private val camera: Camera,
    private val display: () -> Int,
    private val pump: FramePump<CameraFrame, *>,
    private val foreground: Executor,
    private val failed: (String) -> Unit,
) : AutoCloseable {
    private val thread = HandlerThread("camera").apply { start() }
    private val handler = Handler(thread.looper)
    private val reader = ImageReader.newInstance(camera.size.width, camera.size.height, ImageFormat.YUV_420_888, IMAGES)
    // Of the camera's thread alone.
    private var device: CameraDevice? = null
    private var isOpening = false

    @Volatile
    private var closed = false

    /** Starts; the permission is there. */
    fun open() {
        reader.setOnImageAvailableListener({ arrived() }, handler)
        handler.post(::openDevice)
    }

    @SuppressLint("MissingPermission")
    private fun openDevice() {
        try {
            manager.openCamera(camera.id, opened, handler)
            isOpening = true
        } catch (error: CameraAccessException) {
            fail(error)
        } catch (error: RuntimeException) { // the permission was withdrawn, or whatever a vendor's camera throws
            fail(error)
        }
    }

    /** Offers the newest image; what the pump does not want goes back to the camera at once. */
    private fun arrived() {
        val image = try {
            reader.acquireLatestImage() ?: return
        } catch (_: IllegalStateException) { // closed meanwhile
            return
        }
        val frame = CameraFrame(image, Orientation.ofCamera(camera.sensor, display(), camera.front))
        if (!pump.offer(frame)) frame.close()
    }

    private val opened = object : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            isOpening = false
            device = camera
            if (closed) return finish()
            try {
                // The newer way came with API 28; this one works everywhere.
                @Suppress("DEPRECATION")
                camera.createCaptureSession(listOf(reader.surface), configured, handler)
            } catch (error: CameraAccessException) {
                fail(error)
            } catch (error: RuntimeException) { // closed meanwhile, or whatever a vendor's camera throws
                fail(error)
            }
        }

        override fun onDisconnected(camera: CameraDevice) = end(camera, "another app has taken it")

        override fun onError(camera: CameraDevice, error: Int) = end(camera, "error $error")

        private fun end(camera: CameraDevice, reason: String) {
            isOpening = false
            device = camera
            if (closed) finish() else report(reason)
        }
    }

    private val configured = object : CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) {
            try {
                val request = session.device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                request.addTarget(reader.surface)
                session.setRepeatingRequest(request.build(), null, handler)
            } catch (error: CameraAccessException) {
                fail(error)
            } catch (error: RuntimeException) { // closed meanwhile, or whatever a vendor's camera throws
                fail(error)
            }
        }

        override fun onConfigureFailed(session: CameraCaptureSession) = report("it refuses ${camera.size}")
    }

    private fun fail(error: Exception) = report(error.message ?: error.toString())

    private fun report(reason: String) {
        if (!closed) foreground.execute { failed(reason) }
    }

    /** Stops. A frame in flight is still shown. */
    override fun close() {
        closed = true
        pump.close()
        // A device that is being opened is closed when it is: its thread must live until then.
        handler.post { if (!isOpening) finish() }
        reader.setOnImageAvailableListener(null, null)
        // With its reader, the image that is being worked on would go: the reader waits for it.
        pump.whenIdle { reader.close() }
    }

    private fun finish() {
        device?.close()
        device = null
        thread.quitSafely()
    }

    private companion object {
        // One in flight, one that is acquired to be refused, one that the camera fills.
        const val IMAGES = 3
    }
}
