package org.exportpipeline.demo

import java.nio.ByteBuffer
import org.exportpipeline.core.Accelerator
import org.exportpipeline.core.Attempt
import org.exportpipeline.core.EngineProblem
import org.exportpipeline.core.pictures
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** What an app says that was built without LiteRT's native code for the processor, as Linux's is. */
@RunWith(RobolectricTestRunner::class)
@Config(application = FakeApplication::class, sdk = [35])
class LiteRtFactoryTest {
    @Test
    fun `without native code it is a problem to show, not a crash`() {
        for (accelerator in Accelerator.entries) {
            val problem = assertThrows(EngineProblem::class.java) {
                LiteRtFactory().open(ByteBuffer.allocateDirect(8), pictures(8, 8), Attempt("tflite-fp16", accelerator, 1))
            }
            assertTrue(problem.message!!, problem.message!!.endsWith("."))
        }
    }

    @Test
    fun `without the delegate there is no GPU`() = assertFalse(Gpu.isSupported())
}
