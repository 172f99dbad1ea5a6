package org.exportpipeline.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Which way a bundle is run, and what is said of the ways that were not. */
class OpenerTest {
    private val folder = Material.bundles.first { it.name == "starry_night_small" }
    private val bundle = Bundle.open(FolderFiles(folder))
    private val engines = mutableListOf<FakeEngine>()
    private val tried = mutableListOf<Attempt>()

    private fun opener(device: Device = WITH_GPU, engine: (Attempt) -> FakeEngine = { FakeEngine() }) = Opener(
        { _, _, attempt ->
            tried += attempt
            engine(attempt).also { engines += it }
        },
        device,
    ) { pattern(8, 8) }

    private fun open(bundles: Bundle = bundle, asked: Asked = Asked.AUTO, device: Device = WITH_GPU, engine: (Attempt) -> FakeEngine = { FakeEngine() }) =
        opener(device, engine).open(bundles, asked)

    @Test
    fun `a GPU whose picture is the CPU's is used, and nothing else stays loaded`() {
        val opened = open()
        assertEquals(Attempt("tflite-fp16", Accelerator.GPU, 1), opened.running.attempt)
        assertEquals(emptyList<String>(), opened.running.notes)
        opened.close()
        assertTrue(engines.all { it.closed == 1 })
    }

    @Test
    fun `a GPU that paints all white is left, and that is said and remembered`() {
        val opener = opener { if (it.accelerator == Accelerator.GPU) FakeEngine { _, out -> fill(out[0], 255f) } else FakeEngine() }
        val opened = opener.open(bundle)
        assertEquals(Attempt("tflite-dynamic", Accelerator.CPU, 4), opened.running.attempt)
        assertTrue(opened.running.notes.single().startsWith("GPU: its picture is not the CPU's"))
        assertTrue(opener.gpuFailed)
        assertEquals(1, engines.count { it.closed == 0 })
        tried.clear()
        opener.open(bundle)
        assertTrue(tried.none { it.accelerator == Accelerator.GPU })
    }

    @Test
    fun `a GPU that gives values that are not finite is left`() {
        val opened = open { if (it.accelerator == Accelerator.GPU) FakeEngine { _, out -> fill(out[0], Float.NaN) } else FakeEngine() }
        assertEquals(Accelerator.CPU, opened.running.attempt.accelerator)
        assertTrue("not finite" in opened.running.notes.single())
    }

    @Test
    fun `a GPU that refuses the model is left`() {
        val opened = open { if (it.accelerator == Accelerator.GPU) throw EngineProblem("no kernel for it.") else FakeEngine() }
        assertEquals("tflite-dynamic", opened.running.attempt.target)
        assertEquals(listOf("starry_night_small-fp16.tflite on GPU: no kernel for it."), opened.running.notes)
    }

    @Test
    fun `a wish that cannot be met is said`() {
        val opened = open(asked = Asked.GPU, device = WITHOUT_GPU)
        assertEquals(Accelerator.CPU, opened.running.attempt.accelerator)
        assertEquals(listOf("CPU: this phone has no GPU that LiteRT supports"), opened.running.notes)
        assertEquals(emptyList<String>(), open(asked = Asked.CPU).running.notes)
    }

    @Test
    fun `where nothing works every way is told`() {
        val problem = assertThrows(EngineProblem::class.java) { open { throw EngineProblem("refused.") } }
        for (file in listOf("fp16.tflite on GPU", "dynamic.tflite on CPU", "fp16.tflite on CPU", "int8.tflite on CPU")) {
            assertTrue(file in problem.message!!, file)
        }
    }

    @Test
    fun `a damaged file is an error, and no other is taken in its place`() {
        val damaged = Bundle.open { path ->
            File(folder, path).readBytes().also { if (path.endsWith("dynamic.tflite")) it[100]++ }.inputStream()
        }
        assertEquals(Fault.CHANGED, assertThrows(BundleProblem::class.java) { open(damaged, Asked.CPU) }.fault)
        assertFalse(tried.any { it.accelerator == Accelerator.CPU })
    }

    private fun without(end: String) =
        Bundle.open { path -> File(folder, path).takeUnless { path.endsWith(end) }?.inputStream() }

    @Test
    fun `a file that the app does not ship is passed over, and that is said`() {
        val opened = open(without("dynamic.tflite"), Asked.CPU)
        assertEquals("starry_night_small-fp16.tflite", opened.running.file)
        assertEquals(listOf("starry_night_small-dynamic.tflite is not in the app."), opened.running.notes)
    }

    @Test
    fun `where the app ships none of the files, that is an error`() {
        val problem = assertThrows(BundleProblem::class.java) { open(without(".tflite")) }
        assertEquals(Fault.MISSING, problem.fault)
        assertTrue("starry_night_small-dynamic.tflite" in problem.message!!)
    }

    @Test
    fun `the example of the README works`() {
        val made = stylized(pattern(480, 320), folder) { _, _, _ -> FakeEngine() }
        assertEquals(pattern(480, 320), made)
    }

    private fun fill(buffer: ByteBuffer, value: Float) {
        val floats = buffer.duplicate().order(ByteOrder.nativeOrder()).asFloatBuffer()
        while (floats.hasRemaining()) floats.put(value)
    }

    private companion object {
        val WITH_GPU = Device(gpu = true, gpuFailed = false, cores = 8)
        val WITHOUT_GPU = Device(gpu = false, gpuFailed = false, cores = 8)
    }
}
