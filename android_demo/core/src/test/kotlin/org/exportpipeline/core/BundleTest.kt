package org.exportpipeline.core

import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test

class BundleTest {
    private val folder = Material.bundles.first()
    private val files = FolderFiles(folder)

    private fun changed(path: String, change: (ByteArray) -> ByteArray?) = BundleFiles {
        if (it == path) change(File(folder, path).readBytes())?.let(::ByteArrayInputStream) else files.open(it)
    }

    private fun model(bundle: Bundle) = bundle.manifest.models.first { it.target == "tflite-dynamic" }

    private fun fault(files: BundleFiles): Fault = assertThrows(BundleProblem::class.java) {
        Bundle.open(files).let { it.read(model(it)) }
    }.fault

    @Test
    fun `a shipped model is read whole, in memory that native code can use`() {
        val bundle = Bundle.open(files)
        val bytes = bundle.read(model(bundle))
        assertTrue(bytes.isDirect)
        assertEquals(ByteBuffer.wrap(File(folder, model(bundle).file).readBytes()), bytes)
    }

    @Test
    fun `one changed byte, anywhere, is seen`() {
        val path = model(Bundle.open(files)).file
        val size = File(folder, path).length().toInt()
        for (at in listOf(0, size / 2, size - 1)) {
            assertEquals(Fault.CHANGED, fault(changed(path) { it.also { bytes -> bytes[at] = (bytes[at] + 1).toByte() } }))
        }
    }

    @Test
    fun `a file that is longer, shorter, empty, missing or unreadable is seen`() {
        val path = model(Bundle.open(files)).file
        assertEquals(Fault.CHANGED, fault(changed(path) { it + 0 }))
        assertEquals(Fault.CHANGED, fault(changed(path) { it.copyOf(it.size - 1) }))
        assertEquals(Fault.CHANGED, fault(changed(path) { ByteArray(0) }))
        assertEquals(Fault.MISSING, fault(changed(path) { null }))
        assertEquals(Fault.MISSING, fault { if (it == path) throw IOException("read error") else files.open(it) })
        assertEquals(Fault.MISSING, fault { if (it == Manifest.FILE) throw IOException("read error") else files.open(it) })
        assertEquals(Fault.MISSING, fault { null })
    }

    @Test
    fun `a file that claims to be endless is not read on`() {
        val path = model(Bundle.open(files)).file
        var read = 0L
        val endless = object : InputStream() {
            override fun read(): Int = 0.also { read++ }
            override fun read(into: ByteArray, from: Int, count: Int): Int = count.also { read += it }
        }
        assertEquals(Fault.CHANGED, fault { if (it == path) endless else files.open(it) })
        assertEquals(File(folder, path).length() + 1, read)
    }

    @Test
    fun `files are closed`() {
        val open = mutableSetOf<String>()
        val bundle = Bundle.open { path ->
            open += path
            object : ByteArrayInputStream(File(folder, path).readBytes()) {
                override fun close() {
                    open -= path
                }
            }
        }
        bundle.read(model(bundle))
        assertFalse(open.isNotEmpty())
    }

    @Test
    fun `a package of Core ML is said not to run on Android`() {
        val bundle = Bundle.open(files)
        val model = bundle.manifest.models.first { it.target.startsWith("mlpackage") }
        assertEquals(Fault.UNSUPPORTED, assertThrows(BundleProblem::class.java) { bundle.read(model) }.fault)
    }

    @Test
    fun `what is no model does not load, and says so`() {
        assumeTrue(LiteRt.library != null, LiteRt.MISSING)
        val model = model(Bundle.open(files))
        val cut = ByteBuffer.wrap(File(folder, model.file).readBytes().copyOf(1000))
        val attempt = Attempt(model.target, Accelerator.CPU, 1)
        for (bytes in listOf(cut, ByteBuffer.wrap(ByteArray(64)))) {
            assertThrows(EngineProblem::class.java) { LiteRt.factory.open(bytes, model.signature, attempt) }
        }
    }
}
