package org.exportpipeline.core

import java.io.File
import java.nio.ByteBuffer
import javax.imageio.ImageIO

/** What tests read: the repository, the vectors that both apps share, and pictures. */
object Material {
    val root = File(System.getProperty("repository.root")).canonicalFile
    val vectors = File(root, "tests/apps/vectors")

    /** The bundles that the repository ships, without those that commands of its README make. */
    // Those that paint: of others, such as a segmentation's, no picture is golden.
    val bundles: List<File> = File(root, "artifacts").listFiles().orEmpty()
        .filter { File(it, Manifest.FILE).isFile && it.name !in setOf("demo", "starry_night_256", "starry_night_tiny") }
        .filter { File(it, "golden/float.png").isFile }.sorted()

    fun vectors(name: String): Json = Json.parse(File(vectors, "$name.json").readText())

    fun picture(path: String): Picture = read(File(vectors, path))

    /** A PNG or JPEG file as it is stored. */
    fun read(file: File): Picture {
        val image = ImageIO.read(file) ?: error("$file is no picture")
        val pixels = image.getRGB(0, 0, image.width, image.height, null, 0, image.width)
        return Picture(image.width, image.height, pixels)
    }

    fun doubles(json: Json): List<Double> = json.items().map { it.number() }

    fun ints(json: Json): List<Int> = json.items().map { it.whole() }
}

/** A model that does with the values what [compute] does, and counts what is done to it. */
class FakeEngine(private val compute: (List<ByteBuffer>, List<ByteBuffer>) -> Unit = ::copy) : Engine {
    override val runtime = "fake"
    override val version = "1"
    var runs = 0
    var closed = 0

    override fun run(inputs: List<ByteBuffer>, outputs: List<ByteBuffer>) {
        check(closed == 0) { "it runs after it was closed" }
        runs++
        compute(inputs, outputs)
    }

    override fun close() {
        closed++
    }
}

/** The picture as it came. */
fun copy(inputs: List<ByteBuffer>, outputs: List<ByteBuffer>) {
    outputs[0].duplicate().put(inputs[0].duplicate())
}

/** A signature from a picture to one of the same size. */
fun pictures(width: Int, height: Int, dtype: String = "float32"): Signature {
    val port = Port("image", "tensor", listOf(1, height, width, 3), dtype, "NHWC", "RGB", 0.0, 255.0)
    return Signature(listOf(port), listOf(port.copy(name = "stylized")))
}

/** A stylizer of [engine]. */
fun stylizer(engine: Engine, signature: Signature): Stylizer {
    val running = Running(Attempt("tflite-dynamic", Accelerator.CPU, 1), "fake.tflite", emptyList())
    return Stylizer(running, signature, Network(signature, engine))
}

/** A picture in which every value differs from its neighbours'. */
fun pattern(width: Int, height: Int, seed: Int = 0) = Picture(width, height, IntArray(width * height) {
    val mixed = (it + seed * 7919) * -1640531527
    OPAQUE or (mixed ushr 8)
})
