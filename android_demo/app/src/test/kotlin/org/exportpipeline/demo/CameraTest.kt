package org.exportpipeline.demo

import android.Manifest
import android.app.Activity
import android.content.Context
import android.content.pm.PackageManager
import android.graphics.ImageFormat
import android.graphics.Rect
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.media.Image
import android.view.View
import java.nio.ByteBuffer
import org.exportpipeline.core.Orientation
import org.exportpipeline.core.Resize
import org.exportpipeline.core.rgb
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowCameraCharacteristics
import org.robolectric.shadows.StreamConfigurationMapBuilder

/** The camera, as far as it goes without one: whether there is one, whether it may be used, and its frames. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakeApplication::class, sdk = [26, 35])
class CameraTest {
    private val app get() = FakeApplication.current
    private val manager get() = app.getSystemService(Context.CAMERA_SERVICE) as CameraManager

    private fun addCamera(id: String, facing: Int, vararg sizes: Pair<Int, Int>) {
        val characteristics = ShadowCameraCharacteristics.newCameraCharacteristics()
        val map = StreamConfigurationMapBuilder.newBuilder()
        for ((width, height) in sizes) map.addOutputSize(ImageFormat.YUV_420_888, android.util.Size(width, height))
        shadowOf(characteristics).apply {
            set(CameraCharacteristics.LENS_FACING, facing)
            set(CameraCharacteristics.SENSOR_ORIENTATION, 90)
            set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, map.build())
        }
        shadowOf(manager).addCamera(id, characteristics)
    }

    private fun start(): Activity = Robolectric.buildActivity(MainActivity::class.java).setup().get().also { app.settle() }

    private fun Activity.camera() {
        view<View>(R.id.camera).performClick()
        app.settle()
    }

    @Test
    fun `without a camera it says so, and photographs work all the same`() {
        val activity = start()
        activity.camera()
        assertEquals(activity.getString(R.string.no_camera), activity.text(R.id.problem))
        assertTrue(activity.view<View>(R.id.photo).isEnabled)
    }

    @Test
    fun `without the permission it says so`() {
        addCamera("0", CameraCharacteristics.LENS_FACING_BACK, 640 to 480)
        val activity = start()
        activity.camera()
        val request = shadowOf(activity).lastRequestedPermission
        assertEquals(listOf(Manifest.permission.CAMERA), request.requestedPermissions.toList())
        activity.onRequestPermissionsResult(request.requestCode, request.requestedPermissions, intArrayOf(PackageManager.PERMISSION_DENIED))
        assertEquals(activity.getString(R.string.camera_refused), activity.text(R.id.problem))
        activity.onRequestPermissionsResult(request.requestCode, emptyArray(), intArrayOf()) // interrupted: nothing happens
    }

    @Config(sdk = [35]) // Robolectric's camera of API 26 opens no session
    @Test
    fun `with the permission it starts, and stops when the app is left`() {
        addCamera("0", CameraCharacteristics.LENS_FACING_BACK, 640 to 480)
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA)
        val controller = Robolectric.buildActivity(MainActivity::class.java).setup()
        val activity = controller.get()
        app.settle()
        activity.camera()
        assertEquals(activity.getString(R.string.stop), activity.text(R.id.camera))
        assertFalse(activity.view<View>(R.id.problem).isShown)
        controller.pause().stop()
        app.settle()
        assertEquals(activity.getString(R.string.camera), activity.text(R.id.camera))
    }

    @Test
    fun `the camera at the back is taken, with the fewest pixels that are enough`() {
        addCamera("front", CameraCharacteristics.LENS_FACING_FRONT, 640 to 480)
        addCamera("back", CameraCharacteristics.LENS_FACING_BACK, 4000 to 3000, 1280 to 960, 640 to 480, 320 to 240)
        val camera = checkNotNull(manager.camera())
        assertEquals(listOf<Any>("back", 90, false, android.util.Size(640, 480)), camera.run { listOf(id, sensor, front, size) })
    }

    @Test
    fun `a camera of few pixels gives all it has`() {
        addCamera("0", CameraCharacteristics.LENS_FACING_EXTERNAL, 320 to 240, 176 to 144)
        assertEquals(android.util.Size(320, 240), manager.camera()?.size)
    }

    @Test
    fun `a frame is upright, stylized, shown, and given back`() {
        val image = FakeImage(64, 48) { x, _ -> x * 3 }
        val pump = app.studio.pump<CameraFrame> { frame -> frame.orientation.applyTo(frame.use { it.picture(null) }) }
        assertTrue(pump.offer(CameraFrame(image, Orientation.ROTATED_90)))
        val refused = FakeImage(64, 48) { _, _ -> 0 }
        assertFalse(pump.offer(CameraFrame(refused, Orientation.ROTATED_90)))
        assertEquals("what is refused is the caller's to close", 0, refused.closed)
        app.settle()
        assertEquals(1, image.closed)
        val gray = org.exportpipeline.core.Picture(48, 64, IntArray(48 * 64) { rgb(it / 48 * 3, it / 48 * 3, it / 48 * 3) })
        val fitted = Resize.fit(gray, 480, 640)
        assertEquals(fitted, app.studio.screen.before)
        assertEquals(inverted(fitted), app.studio.screen.after)
        assertNull(app.studio.screen.problem)
    }

    @Test
    fun `a style that cannot be loaded is told while the camera goes on`() {
        app.engine = { null }
        val pump = app.studio.pump<CameraFrame> { frame -> frame.use { it.picture(null) } }
        val image = FakeImage(64, 48) { _, _ -> 9 }
        assertTrue(pump.offer(CameraFrame(image, Orientation.UPRIGHT)))
        app.settle()
        assertEquals(1, image.closed)
        assertTrue("It does not load." in app.studio.screen.problem!!)
        assertTrue(pump.offer(CameraFrame(FakeImage(64, 48) { _, _ -> 9 }, Orientation.UPRIGHT)))
    }

    /** A gray frame, with longer rows than it needs, and U and V that lie between each other. */
    private class FakeImage(private val columns: Int, private val rows: Int, private val light: (Int, Int) -> Int) : Image() {
        var closed = 0

        override fun getFormat(): Int = ImageFormat.YUV_420_888
        override fun getWidth(): Int = columns
        override fun getHeight(): Int = rows
        override fun getTimestamp(): Long = 0
        override fun getTransform(): Int = 0
        override fun getScalingMode(): Int = 0
        override fun getCropRect(): Rect = Rect(0, 0, columns, rows)
        override fun getPlanes(): Array<Plane> = arrayOf(
            plane(columns + 7, 1) { offset -> light(offset % (columns + 7), offset / (columns + 7)) },
            plane(columns + 8, 2) { 128 },
            plane(columns + 8, 2) { 128 },
        )

        override fun close() {
            closed++
        }

        private fun plane(row: Int, step: Int, value: (Int) -> Int) = object : Plane() {
            override fun getRowStride(): Int = row
            override fun getPixelStride(): Int = step
            override fun getBuffer(): ByteBuffer =
                ByteBuffer.allocateDirect(row * rows).apply { for (at in 0 until capacity()) put(at, value(at).toByte()) }
        }
    }
}
