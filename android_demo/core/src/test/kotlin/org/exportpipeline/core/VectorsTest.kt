package org.exportpipeline.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** What both apps must compute, as `python -m tests.apps.generate` worked it out. */
class VectorsTest {
    private fun cases(file: String, list: String, check: (Json) -> Unit): List<DynamicTest> {
        val cases = Material.vectors(file)[list].items()
        assertTrue(cases.isNotEmpty())
        return cases.mapIndexed { index, case -> dynamicTest("$file $list $index") { check(case) } }
    }

    @TestFactory
    fun crops() = cases("geometry", "crops") { case ->
        val (width, height) = Material.ints(case["source"])
        val (toWidth, toHeight) = Material.ints(case["target"])
        val box = Geometry.crop(width, height, toWidth, toHeight)
        listOf(box.left, box.top, box.right, box.bottom).zip(Material.doubles(case["box"])) { found, expected ->
            assertEquals(expected, found, 1e-9)
        }
    }

    @TestFactory
    fun letterboxes() = cases("geometry", "letterboxes") { case ->
        val (width, height) = Material.ints(case["source"])
        val (toWidth, toHeight) = Material.ints(case["target"])
        val area = Geometry.letterbox(width, height, toWidth, toHeight)
        assertEquals(Material.ints(case["inner"]), listOf(area.left, area.top, area.width, area.height))
    }

    @TestFactory
    fun tilings() = cases("geometry", "tilings") { case ->
        val overlap = case["overlap"].whole()
        for ((index, axis) in listOf("x", "y").withIndex()) {
            val length = Material.ints(case["source"])[index]
            val tile = Material.ints(case["tile"])[index]
            assertEquals(Material.ints(case[axis]), Geometry.tileOrigins(length, tile, overlap).toList())
        }
    }

    @TestFactory
    fun rotations() = cases("pictures", "rotations") { case ->
        val source = Material.picture(case["source"].text())
        val expected = Material.picture(case["expected"].text())
        assertEquals(expected, Orientation.ofExif(case["orientation"].whole()).applyTo(source))
    }

    @TestFactory
    fun fits() = cases("pictures", "fits") { case -> assertResized(case, Resize::fit) }

    @TestFactory
    fun letterboxedPictures() = cases("pictures", "letterboxes") { case -> assertResized(case, Resize::letterbox) }

    private fun assertResized(case: Json, resize: (Picture, Int, Int) -> Picture) {
        val (width, height) = Material.ints(case["target"])
        val found = resize(Material.picture(case["source"].text()), width, height)
        assertEquals(Material.picture(case["expected"].text()), found)
    }

    @TestFactory
    fun packedBuffers() = cases("buffers", "packed") { case ->
        val found = Buffers.packed(
            bytes(case["bytes"]), ByteOrderOfColors.valueOf(case["order"].text()),
            case["width"].whole(), case["height"].whole(), case["row_stride"].whole(),
        )
        assertEquals(Material.picture(case["expected"].text()), found)
    }

    @TestFactory
    fun yuvBuffers() = cases("buffers", "yuv_420") { case ->
        val row = case["uv_row_stride"].whole()
        val step = case["uv_pixel_stride"].whole()
        val found = Buffers.yuv420(
            Plane(bytes(case["y"]), case["y_row_stride"].whole(), 1), Plane(bytes(case["u"]), row, step),
            Plane(bytes(case["v"]), row, step), case["width"].whole(), case["height"].whole(),
        )
        assertEquals(Material.picture(case["expected"].text()), found)
    }

    private fun bytes(json: Json) = ByteBuffer.wrap(Base64.getDecoder().decode(json.text()))

    private fun port(case: Json, width: Int): Port = Port(
        "port", "tensor", listOf(1, 1, width, 3), case["dtype"].text(), "NHWC", "RGB", case["low"].number(),
        case["high"].number(), case["scale"].number(), case["zero_point"].whole(),
    )

    @TestFactory
    fun ports() = cases("values", "ports") { case ->
        val pixels = Material.ints(case["pixels"])
        val port = port(case, pixels.size)
        val codec = PortCodec(port)
        val buffer = codec.allocate()
        codec.write(Picture(pixels.size, 1, IntArray(pixels.size) { rgb(pixels[it], pixels[it], pixels[it]) }), buffer)
        val held = Material.doubles(case["held"]).flatMap { listOf(it, it, it) }
        assertEquals(held, held.indices.map { value(port, buffer, it) })
        val back = Material.ints(case["back"]).map { rgb(it, it, it) }
        assertEquals(back, codec.read(buffer).pixels.toList())
    }

    private fun value(port: Port, buffer: ByteBuffer, index: Int): Double = when (port.dtype) {
        "float32" -> buffer.getFloat(index * Float.SIZE_BYTES).toDouble()
        "int8" -> buffer.get(index).toDouble()
        else -> (buffer.get(index).toInt() and 0xFF).toDouble()
    }

    @TestFactory
    fun rounding() = cases("values", "to_uint8") { case ->
        case["floats"].items().zip(Material.ints(case["expected"])) { float, expected ->
            assertEquals(rgb(expected, expected, expected), shown(float.number().toFloat()), "${float.number()}")
        }
    }

    @TestFactory
    fun refusedValues() = Material.vectors("values")["refused"].items().map { refused ->
        dynamicTest(refused.text()) {
            val named = mapOf("nan" to Float.NaN, "inf" to Float.POSITIVE_INFINITY, "-inf" to Float.NEGATIVE_INFINITY)
            assertThrows(EngineProblem::class.java) { shown(named.getValue(refused.text())) }
        }
    }

    private fun shown(value: Float): Int {
        val codec = PortCodec(pictures(1, 1).inputs[0])
        val buffer = codec.allocate().order(ByteOrder.nativeOrder())
        repeat(3) { buffer.putFloat(value) }
        return codec.read(buffer).pixels[0]
    }

    @TestFactory
    fun choices() = cases("choice", "android") { case ->
        val targets = case["targets"].items().map { it.text() }
        val device = Device(case["gpu"].flag(), case["gpu_failed"].flag(), case["cores"].whole())
        val asked = Asked.valueOf(case["asked"].text().uppercase())
        val expected = case["expected"]
        if (expected.find("error") != null) {
            val problem = assertThrows(BundleProblem::class.java) { Chooser.choose(targets, device, asked) }
            assertEquals(Fault.UNSUPPORTED, problem.fault)
        } else {
            val attempts = expected["attempts"].items().map {
                val accelerator = Accelerator.valueOf(it["accelerator"].text().uppercase())
                Attempt(it["target"].text(), accelerator, it["threads"].whole())
            }
            val choice = Chooser.choose(targets, device, asked)
            assertEquals(attempts, choice.attempts)
            assertEquals(expected["without_gpu"].text(), choice.withoutGpu?.name.orEmpty().lowercase())
        }
    }

    @TestFactory
    fun statistics() = cases("statistics", "series") { case ->
        val latency = Latency.of(Material.doubles(case["milliseconds"]).toDoubleArray())
        val (median, iqr, fps) = listOf("median_ms", "iqr_ms", "fps").map { case[it].number() }
        assertEquals(Latency(case["runs"].whole(), median, iqr, fps), latency)
    }

    @TestFactory
    fun records() = cases("statistics", "records") { case ->
        val machine = case["machine"]
        val libraries = machine["libraries"].entries().mapValues { it.value.text() }
        val timed = case["timed"].items().map {
            TimedFile(
                it["file"].text(), it["runtime"].text(), it["version"].text(), it["threads"].whole(), it["width"].whole(),
                it["height"].whole(), Latency.of(Material.doubles(it["milliseconds"]).toDoubleArray()),
            )
        }
        val record = BenchmarkRecord(
            case["name"].text(),
            Machine(machine["processor"].text(), machine["cores"].whole(), machine["system"].text(), libraries),
            timed,
            case["skipped"].entries().mapValues { it.value.text() },
        )
        assertEquals(plain(case["expected"].value), plain(Json.parse(record.json()).value))
    }

    /** Numbers as doubles, for 1 and 1.0 are the same in JSON. */
    private fun plain(value: Any?): Any? = when (value) {
        is Map<*, *> -> value.mapValues { plain(it.value) }
        is List<*> -> value.map(::plain)
        is Number -> value.toDouble()
        else -> value
    }

    @TestFactory
    fun manifests() = cases("manifests", "documents") { case ->
        val files = FolderFiles(File(Material.vectors, case["folder"].text()))
        val code = case["open"].text()
        if (code == "ok") {
            assertEquals(case["models"].items().map { model(it) }, Bundle.open(files).manifest.models.map { described(it) })
        } else {
            assertEquals(code, fault { Bundle.open(files) })
        }
    }

    private fun model(case: Json): List<Any> = listOf(case["target"].text(), case["file"].text()) +
        listOf("inputs", "outputs").map { side -> case[side].items().map { port(it) } }

    private fun port(case: Json) = Port(
        case["name"].text(), case["kind"].text(),
        case["shape"].items().map { if (it.value == null) null else it.whole() }, case["dtype"].text(),
        case.find("layout")?.text(), case.find("color")?.text(), case.find("low")?.number(), case.find("high")?.number(),
        case["scale"].number(), case["zero_point"].whole(),
    )

    private fun described(model: ModelFile): List<Any> =
        listOf(model.target, model.file, model.signature.inputs, model.signature.outputs)

    @TestFactory
    fun modelFiles() = cases("manifests", "files") { case ->
        val bundle = Bundle.open(FolderFiles(File(Material.vectors, case["folder"].text())))
        for ((file, code) in case["check"].entries()) {
            val model = bundle.manifest.models.first { it.file == file }
            assertEquals(code.text(), fault { bundle.check(model) }, file)
        }
    }

    private fun fault(act: () -> Unit): String = try {
        act()
        "ok"
    } catch (problem: BundleProblem) {
        assertTrue(problem.message!!.length > 30, "the message is for the screen")
        problem.fault.name.lowercase()
    }
}
