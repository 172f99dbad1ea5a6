package org.exportpipeline.demo

import android.media.ExifInterface
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowLog

@RunWith(RobolectricTestRunner::class)
@Config(application = FakeApplication::class, sdk = [26])
class ProbeTest {
    @Test
    fun probe() {
        ShadowLog.stream = System.out
        val exif = ExifInterface(quarters(16, 12).jpeg(6).inputStream())
        println("PROBE orientation " + exif.getAttribute(ExifInterface.TAG_ORIENTATION) + " " + exif.getAttributeInt("Orientation", -1))
        println("PROBE width " + exif.getAttribute(ExifInterface.TAG_IMAGE_WIDTH))
        for (method in ExifInterface::class.java.declaredMethods.filter { java.lang.reflect.Modifier.isNative(it.modifiers) }) println("PROBE native $method")
    }
}
