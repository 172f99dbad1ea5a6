package org.exportpipeline.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/**
 * Every TFLite file of every bundle that is shipped, by real LiteRT and the app's own code from pixels to pixels, against
 * the golden picture of the bundle: what the float network made of the golden photograph. How near it must be, the
 * manifest says.
 */
class GoldenTest {
    @TestFactory
    fun goldenPictures(): List<DynamicTest> = files().map { (folder, target) ->
        dynamicTest("${folder.name} $target") {
            assumeTrue(LiteRt.library != null, LiteRt.MISSING)
            val bundle = Bundle.open(FolderFiles(folder))
            val model = bundle.manifest.models.single { it.target == target }
            val photo = Material.read(File(folder, "golden/photo.png"))
            val expected = Material.read(File(folder, "golden/float.png"))
            val network = Network(model.signature, LiteRt.factory.open(bundle.read(model), model.signature, CPU))
            val found = stylizer(network, model.signature).use { it.stylize(photo) }
            val least = bundle.manifest.minPsnr.getValue(target)
            val ratio = psnr(found, expected)
            rows += Row(model.file, ratio, least)
            assertTrue(ratio >= least, "${model.file}: $ratio dB, at least $least is needed")
        }
    }

    private fun stylizer(network: Network, signature: Signature) =
        Stylizer(Running(CPU, "", emptyList()), signature, network)

    @Test
    fun `every TFLite file that lies in a bundle is compared`() {
        val listed = files().map { (folder, target) -> "${folder.name}-${target.removePrefix("tflite-")}.tflite" }
        val lying = Material.bundles.flatMap { it.listFiles().orEmpty().toList() }.map { it.name }.filter { it.endsWith(".tflite") }
        assertEquals(lying.sorted(), listed.sorted())
        assertTrue(listed.isNotEmpty())
    }

    @Test
    fun `the untouched photograph does not pass`() {
        for (folder in Material.bundles) {
            val least = Bundle.open(FolderFiles(folder)).manifest.minPsnr.values.min()
            val untouched = psnr(Material.read(File(folder, "golden/photo.png")), Material.read(File(folder, "golden/float.png")))
            assertTrue(untouched < least, "${folder.name}: $untouched dB")
        }
    }

    private fun files(): List<Pair<File, String>> = Material.bundles.flatMap { folder ->
        val manifest = Bundle.open(FolderFiles(folder)).manifest
        manifest.models.map { it.target }.filter { it.startsWith("tflite-") }.map { folder to it }
    }

    private data class Row(val file: String, val psnr: Double, val least: Double)

    companion object {
        private val CPU = Attempt("", Accelerator.CPU, 1)
        private val rows = mutableListOf<Row>()

        /** For the count that `make test-android` prints. */
        @JvmStatic
        @AfterAll
        fun record() {
            val listed = rows.map { mapOf("file" to it.file, "psnr" to it.psnr, "min_psnr" to it.least) }
            File(System.getProperty("report.directory"), "goldens.json").writeText(Json.render(listed))
        }
    }
}
