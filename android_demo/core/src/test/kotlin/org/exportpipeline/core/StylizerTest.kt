package org.exportpipeline.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class StylizerTest {
    private val signature = pictures(12, 16)

    @ParameterizedTest
    @ValueSource(strings = ["float32", "uint8"])
    fun `a model that changes nothing gives the fitted picture`(dtype: String) {
        val photo = pattern(31, 22)
        val made = stylizer(FakeEngine(), pictures(12, 16, dtype)).use { it.stylize(photo) }
        assertEquals(Resize.fit(photo, 12, 16), made)
    }

    @Test
    fun `the colours are given in the order red, green, blue`() {
        val engine = FakeEngine { inputs, outputs ->
            val values = FloatArray(3).also { inputs[0].duplicate().order(ByteOrder.nativeOrder()).asFloatBuffer().get(it) }
            assertEquals(listOf(255f, 128f, 1f), values.toList())
            copy(inputs, outputs)
        }
        val one = Picture(12, 16, IntArray(12 * 16) { rgb(255, 128, 1) })
        assertEquals(one, stylizer(engine, signature).use { it.stylize(one) })
        assertEquals(1, engine.runs)
    }

    @Test
    fun `a letterboxed picture keeps its shape and loses nothing at its sides`() {
        val photo = pattern(24, 16)
        val made = stylizer(FakeEngine(), signature).use { it.stylize(photo, Framing.LETTERBOX) }
        assertEquals(Resize.stretch(photo, 12, 8), made)
    }

    @Test
    fun `a picture to fill is filled`() {
        val into = Picture(12, 16)
        stylizer(FakeEngine(), signature).use { assertSame(into, it.stylize(pattern(12, 16), into = into)) }
        assertEquals(pattern(12, 16), into)
    }

    @Test
    fun `values that are not finite are an error, not black pixels`() {
        val engine = FakeEngine { _, outputs ->
            outputs[0].duplicate().order(ByteOrder.nativeOrder()).putFloat(12, Float.NaN)
        }
        stylizer(engine, signature).use { opened ->
            assertThrows(EngineProblem::class.java) { opened.stylize(pattern(12, 16)) }
        }
    }

    @Test
    fun `further inputs are given by name, and their number is checked`() {
        val two = signature.copy(inputs = listOf(Port("statistics", shape = listOf(1, 2))) + signature.inputs)
        val engine = FakeEngine { inputs, outputs ->
            val statistics = inputs[0].duplicate().order(ByteOrder.nativeOrder()).asFloatBuffer()
            fill(outputs[0], statistics.get(0) + statistics.get(1))
        }
        stylizer(engine, two).use { opened ->
            assertEquals(mapOf("statistics" to 2), opened.otherInputs)
            val made = opened.stylize(pattern(9, 9), numbers = mapOf("statistics" to floatArrayOf(100f, 23f)))
            assertTrue(made.pixels.all { it == rgb(123, 123, 123) })
            assertThrows(IllegalArgumentException::class.java) { opened.stylize(pattern(9, 9)) }
            assertThrows(IllegalArgumentException::class.java) {
                opened.stylize(pattern(9, 9), numbers = mapOf("statistics" to floatArrayOf(1f)))
            }
        }
    }

    @Test
    fun `the statistics of a painting come out of the first file of a universal bundle`() {
        val encoder = Signature(signature.inputs, listOf(Port("statistics", shape = listOf(1, 2))))
        val network = Network(encoder, FakeEngine { _, outputs -> outputs[0].order(ByteOrder.nativeOrder()).putFloat(1f).putFloat(2f) })
        val found = network.use { it.run(mapOf("image" to pattern(12, 16)), emptyMap()) }
        assertEquals(listOf(1f, 2f), found.numbers.getValue("statistics").toList())
    }

    @Test
    fun `closing waits for the picture that is being made, and frees the model once`() {
        val started = CountDownLatch(1)
        val goOn = CountDownLatch(1)
        val engine = FakeEngine { inputs, outputs ->
            started.countDown()
            assertTrue(goOn.await(10, TimeUnit.SECONDS))
            copy(inputs, outputs)
        }
        val opened = stylizer(engine, signature)
        val made = mutableListOf<Picture>()
        val working = thread { made += opened.stylize(pattern(12, 16)) }
        assertTrue(started.await(10, TimeUnit.SECONDS))
        val closing = thread { opened.close() }
        closing.join(100)
        assertTrue(closing.isAlive)
        assertEquals(0, engine.closed)
        goOn.countDown()
        working.join()
        closing.join()
        opened.close()
        assertEquals(1, engine.closed)
        assertEquals(listOf(pattern(12, 16)), made)
        assertThrows(ClosedProblem::class.java) { opened.stylize(pattern(12, 16)) }
    }

    @Test
    fun `a port that no picture fits is refused`() {
        val gray = signature.inputs[0].copy(color = "GRAYSCALE")
        val planar = signature.inputs[0].copy(layout = "NCHW", shape = listOf(1, 3, 16, 12))
        for (port in listOf(gray, planar, signature.inputs[0].copy(dtype = "int16"), signature.inputs[0].copy(low = null))) {
            assertFalse(port.isPicture)
            assertEquals(Fault.UNSUPPORTED, assertThrows(BundleProblem::class.java) { PortCodec(port) }.fault)
        }
        assertThrows(BundleProblem::class.java) {
            Network(signature.copy(inputs = listOf(gray.copy(dtype = "int16"))), FakeEngine())
        }
    }

    private fun fill(buffer: ByteBuffer, value: Float) {
        val floats = buffer.duplicate().order(ByteOrder.nativeOrder()).asFloatBuffer()
        while (floats.hasRemaining()) floats.put(value)
    }
}
